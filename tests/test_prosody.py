"""Pitch, voicing, pitch classes and deltas of sounds whose values are known."""

import math

import numpy as np
import pytest
import torch
from torch import Tensor

from extract.backbones import log_mel, mfcc, prosody
from extract.backbones._speech.spectral import with_deltas
from extract.media.audio import Samples
from extract.network.compute import CPU
from extract.network.encoder import Encoder

PITCH, VOICING, LOUDNESS, CENTROID = range(4)


def track_of(backbone: object, samples: Samples) -> Tensor:
    example = backbone.prepare((samples, 16_000))  # type: ignore[attr-defined]
    return Encoder(backbone, CPU).tracks({0: example})[0][0]  # type: ignore[arg-type]


def tone(hz: float, level: float = 0.3, seconds: float = 1.0) -> Samples:
    """A tone with four overtones, as a voice has."""
    time = np.arange(int(16_000 * seconds)) / 16_000
    waves = [np.sin(2 * np.pi * hz * k * time) / k for k in range(1, 6)]
    return np.asarray(level * np.sum(waves, axis=0), np.float32)


@pytest.mark.parametrize("hz", [90.0, 155.0, 240.0, 410.0])
def test_the_pitch_of_a_voice_is_found(hz: float) -> None:
    track = track_of(prosody.tiny(), tone(hz))
    pitch_hz = track[5:-5, PITCH].exp()
    # One lag of a sample is the resolution.
    assert float((16_000 / pitch_hz - 16_000 / hz).abs().max()) <= 1.5
    assert float(track[5:-5, VOICING].min()) > 0.9


def test_noise_is_not_voiced_and_silence_is_finite() -> None:
    noise = np.random.default_rng(0).normal(0, 0.1, 16_000).astype(np.float32)
    assert float(track_of(prosody.tiny(), noise)[:, VOICING].mean()) < 0.5
    silent = track_of(prosody.tiny(), np.zeros(16_000, np.float32))
    assert silent.isfinite().all() and float(silent[:, VOICING].abs().max()) == 0


@pytest.mark.parametrize("hz", [25.0, 45.0])
def test_a_hum_below_the_range_is_not_taken_for_a_high_voice(hz: float) -> None:
    time = np.arange(16_000) / 16_000
    track = track_of(prosody.tiny(), np.sin(2 * np.pi * hz * time).astype(np.float32))
    assert float(track[5:-5, PITCH].exp().median()) < 100


def test_twice_the_level_adds_the_logarithm_of_two_to_the_loudness_alone() -> None:
    soft, loud = (track_of(prosody.tiny(), tone(200.0, level)) for level in (0.1, 0.2))
    difference = (loud - soft)[5:-5]
    assert torch.allclose(difference[:, LOUDNESS], torch.tensor(math.log(2)), atol=1e-4)
    assert float(difference[:, [PITCH, CENTROID]].abs().max()) < 1e-3


@pytest.mark.parametrize(("hz", "pitch_class"), [(440.0, 0), (880.0, 0), (523.25, 3), (698.46, 8)])
def test_chroma_names_the_note(hz: float, pitch_class: int) -> None:
    time = np.arange(16_000) / 16_000
    samples = np.sin(2 * np.pi * hz * time).astype(np.float32)
    chroma = track_of(mfcc.load(CPU, num_coefficients=13, chroma=True), samples)[:, 13:]
    assert chroma.shape[1] == 12
    assert (chroma.argmax(dim=1) == pitch_class).all()
    assert torch.allclose(chroma.sum(dim=1), torch.ones(len(chroma)), atol=1e-4)


def test_deltas_are_the_slope_and_zero_where_nothing_changes() -> None:
    rising = torch.stack([torch.arange(20.0) * 3, torch.full((20,), 7.0)])
    values = with_deltas(rising, 2)
    assert values.shape == (6, 20)
    # Away from the ends, where the first and last step stand for those beyond them.
    assert torch.allclose(values[2, 2:-2], torch.tensor(3.0)) and not values[3].any()
    assert torch.allclose(values[4, 4:-4], torch.tensor(0.0), atol=1e-6)


def test_deltas_follow_the_bands_that_are_there_without_them() -> None:
    samples = tone(180.0)
    plain = track_of(log_mel.load(CPU, num_bands=16), samples)
    with_both = track_of(log_mel.load(CPU, num_bands=16, deltas=2), samples)
    assert with_both.shape[1] == 48
    assert torch.equal(with_both[:, :16], plain)
    assert torch.allclose(with_both[:, 16:32].T, with_deltas(plain.T, 1)[16:], atol=1e-5)
