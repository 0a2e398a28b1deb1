"""openSMILE's features: equal to its package's own output, one step or one every 10 ms."""

from typing import Any

import numpy as np
import opensmile
import pytest
import torch

from extract.backbones.opensmile import FIELD, OpenSmile, load
from extract.network.compute import CPU
from extract.network.encoder import Encoder

SETS = {"eGeMAPSv02": (88, 25), "ComParE_2016": (6373, 65)}


def speech_like(seconds: float, rate_hz: int = 16_000) -> np.ndarray[Any, Any]:
    """A voice of a kind: harmonics of a gliding pitch, with pauses."""
    t = np.arange(int(seconds * rate_hz)) / rate_hz
    phase = 2 * np.pi * np.cumsum(120 + 40 * np.sin(3 * t)) / rate_hz
    voice = sum(np.sin(k * phase) / k for k in range(1, 8))
    return (0.1 * voice * (np.sin(5 * t) > -0.5)).astype(np.float32)


def track(backbone: OpenSmile, samples: np.ndarray[Any, Any], rate_hz: int) -> torch.Tensor:
    return Encoder(backbone, CPU).tracks({0: backbone.prepare((samples, rate_hz))})[0]


@pytest.mark.parametrize("feature_set", SETS)
def test_functionals_and_descriptors_are_the_package_s(feature_set: Any) -> None:
    samples = speech_like(1.7)
    for level, name, dim in zip(
        ("functionals", "low-level"),
        ("Functionals", "LowLevelDescriptors"),
        SETS[feature_set],
        strict=True,
    ):
        own = opensmile.Smile(
            feature_set=feature_set, feature_level=getattr(opensmile.FeatureLevel, name)
        )
        expected = own.process_signal(samples, 16_000).to_numpy(np.float32)
        backbone = load(CPU, set=feature_set, level=level)  # type: ignore[arg-type]
        values = track(backbone, samples, 16_000)[0].numpy()
        assert backbone.dim == dim == values.shape[1]
        assert np.allclose(values, expected, rtol=1e-6, atol=0)


def test_functionals_are_one_step_and_descriptors_a_hundred_a_second() -> None:
    samples = speech_like(2.0)
    functionals, descriptors = load(CPU), load(CPU, level="low-level")
    assert track(functionals, samples, 16_000).shape == (1, 1, 88)
    assert functionals.rate_hz is None and functionals.first_step_s is None
    assert abs(track(descriptors, samples, 16_000).shape[1] - 200) <= 6
    index = (
        opensmile.Smile(
            feature_set="eGeMAPSv02", feature_level=opensmile.FeatureLevel.LowLevelDescriptors
        )
        .process_signal(samples, 16_000)
        .index
    )
    starts = index.get_level_values("start").total_seconds().to_numpy()
    ends = index.get_level_values("end").total_seconds().to_numpy()
    assert descriptors.first_step_s == pytest.approx((starts[0] + ends[0]) / 2)
    assert descriptors.rate_hz == pytest.approx(1 / np.diff(starts).mean(), rel=0.01)


def test_a_clip_shorter_than_the_longest_window_is_lengthened() -> None:
    samples = speech_like(0.02)
    whole = np.zeros(FIELD, np.float32)
    whole[: len(samples)] = samples
    backbone = load(CPU)
    assert torch.equal(track(backbone, samples, 16_000), track(backbone, whole, 16_000))
    assert torch.isfinite(track(backbone, samples[:1], 16_000)).all()


def test_the_level_counts_and_the_rate_is_made_16_khz() -> None:
    backbone, samples = load(CPU), speech_like(1.0)
    quiet, loud = (track(backbone, gain * samples, 16_000) for gain in (0.1, 1.0))
    names = list(opensmile.Smile(feature_set="eGeMAPSv02").feature_names)
    loudness = names.index("loudness_sma3_amean")
    assert loud[0, 0, loudness] > 1.5 * quiet[0, 0, loudness]
    other = track(backbone, speech_like(1.0, 48_000), 48_000)
    pitch = names.index("F0semitoneFrom27.5Hz_sma3nz_amean")
    assert float(other[0, 0, pitch]) == pytest.approx(float(loud[0, 0, pitch]), rel=0.01)


def test_its_licence_is_mentioned(capsys: pytest.CaptureFixture[str]) -> None:
    load(CPU)
    assert "may be used for research only" in capsys.readouterr().err
