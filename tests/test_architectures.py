"""Every published architecture, at its true widths with random weights, saved and loaded."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import transformers as hf

from extract.media.text import Text
from extract.network.backbone import Backbone
from extract.network.compute import CPU, Compute
from extract.network.encoder import Encoder
from tests.architectures import SMALL, TRUE_TEXTS, Architecture, texts
from tests.conformance import (
    assert_neighbours_never_matter,
    assert_repeatable,
    assert_same,
    windows,
)
from tests.every_architecture import TRUE, without_checkpoints
from tests.speech_architectures import SPEECH, WHISPER

ALL = {
    **{f"small-{name}": architecture for name, architecture in texts(SMALL).items()},
    **TRUE,
}
SLOW = [pytest.param(name, marks=pytest.mark.slow) for name in TRUE]
SENTENCES = ["a", "oh no what a day", "he said so and so " * 4]


def track(backbone: Backbone, media: Any) -> torch.Tensor:
    return Encoder(backbone, CPU).tracks({0: backbone.prepare(media)})[0]


def library_states(output: Any) -> torch.Tensor:
    """What enters each layer, and last what the network gives, after its final norm."""
    return torch.cat([*output.hidden_states[:-1], output.last_hidden_state])


def noise(num_samples: int) -> np.ndarray[Any, np.dtype[np.float32]]:
    return np.random.default_rng(num_samples).normal(0, 0.1, num_samples).astype(np.float32)


@pytest.mark.slow
@pytest.mark.parametrize("name", [*(n for n in ALL if n not in TRUE), *SLOW])
def test_batch_neighbours_never_matter(name: str, tmp_path: Path) -> None:
    backbone = ALL[name].load(tmp_path)
    # Whisper's windows are all of 30 s; the language model of VideoLLaMA3 is large.
    count = {"whisper-base": 4, "videollama3-joint": 6}.get(name, 12)
    many = windows(backbone, count, longest=40 if backbone.modality == "text" else 10)
    assert_neighbours_never_matter(backbone, many)
    assert_repeatable(backbone, many[:6])


@pytest.mark.slow
@pytest.mark.parametrize("name", ["r3d", "log-mel", "mfcc"])
def test_batch_neighbours_never_matter_without_a_checkpoint(name: str) -> None:
    backbone = without_checkpoints()[name]
    assert_neighbours_never_matter(backbone, windows(backbone))


@pytest.mark.parametrize(
    "name",
    [
        *(f"small-{name}" for name in texts(SMALL)),
        *(pytest.param(name, marks=pytest.mark.slow) for name in TRUE_TEXTS),
    ],
)
def test_a_text_track_is_the_librarys_own_forward(name: str, tmp_path: Path) -> None:
    backbone = ALL[name].load(tmp_path, special_tokens=True)
    network = hf.AutoModel.from_pretrained(tmp_path).eval()
    tokenizer = hf.AutoTokenizer.from_pretrained(tmp_path)
    for sentence in SENTENCES:
        with torch.inference_mode():
            inputs = tokenizer(sentence, return_tensors="pt")
            output = network(**inputs, output_hidden_states=True)
        assert_same(track(backbone, Text(sentence)), library_states(output))


@pytest.mark.slow
@pytest.mark.parametrize("name", SPEECH)
def test_a_speech_track_is_the_librarys_own_forward(name: str, tmp_path: Path) -> None:
    backbone = SPEECH[name].load(tmp_path)
    network = hf.AutoModel.from_pretrained(tmp_path).eval()
    extractor = hf.AutoFeatureExtractor.from_pretrained(tmp_path)
    for num_samples in (400, 5000, 21_111):
        samples = noise(num_samples)
        with torch.inference_mode():
            inputs = extractor(samples, sampling_rate=16_000, return_tensors="pt")
            output = network(inputs.input_values, output_hidden_states=True)
        assert_same(track(backbone, (samples, 16_000)), library_states(output))


@pytest.mark.slow
def test_a_whisper_track_is_the_start_of_the_librarys_own_forward(tmp_path: Path) -> None:
    backbone = WHISPER.load(tmp_path)
    network = hf.WhisperModel.from_pretrained(tmp_path).eval()
    extractor = hf.WhisperFeatureExtractor.from_pretrained(tmp_path)
    for num_samples, num_steps in ((1, 1), (320, 1), (321, 2), (50_001, 157)):
        samples = noise(num_samples)
        with torch.inference_mode():
            bands = extractor(samples, sampling_rate=16_000, return_tensors="pt").input_features
            output = network.encoder(bands, output_hidden_states=True)
        assert_same(track(backbone, (samples, 16_000)), library_states(output)[:, :num_steps])


@pytest.mark.parametrize("name", ["small-bert", "small-roberta"])
def test_both_kernels_of_attention_give_the_same(name: str, tmp_path: Path) -> None:
    fused = ALL[name].load(tmp_path, Compute(torch.device("cpu"), attention="sdpa"))
    plain = ALL[name].load(tmp_path, Compute(torch.device("cpu"), attention="eager"))
    assert plain.network.config._attn_implementation == "eager"
    for sentence in SENTENCES:
        assert_same(track(plain, Text(sentence)), track(fused, Text(sentence)))


def test_bfloat16_stays_near_float32_and_is_returned_as_float32(tmp_path: Path) -> None:
    architecture: Architecture = ALL["small-bert"]
    reduced = Compute(torch.device("cpu"), dtype="bfloat16")
    backbone = architecture.load(tmp_path, reduced)
    example = backbone.prepare(Text(SENTENCES[2]))
    exact = Encoder(architecture.load(tmp_path), CPU).tracks({0: example})[0]
    rounded = Encoder(backbone, reduced).tracks({0: example})[0]
    difference = float((rounded - exact).norm() / exact.norm())
    assert rounded.dtype == torch.float32 and 1e-5 < difference < 0.03


@pytest.mark.slow
@pytest.mark.parametrize("name", ["wav2vec2-base", "wavlm-base", "emotion2vec-base", "deberta-v3"])
def test_every_kind_of_network_runs_in_bfloat16(name: str, tmp_path: Path) -> None:
    reduced = Compute(torch.device("cpu"), dtype="bfloat16")
    backbone = TRUE[name].load(tmp_path, reduced)
    media: Any = Text(SENTENCES[2]) if name == "deberta-v3" else (noise(4000), 16_000)
    example = backbone.prepare(media)
    exact = Encoder(TRUE[name].load(tmp_path), CPU).tracks({0: example})[0]
    rounded = Encoder(backbone, reduced).tracks({0: example})[0]
    assert 1e-5 < float((rounded - exact).norm() / exact.norm()) < 0.05
