"""The audio tower of Qwen2.5-Omni against the library's own forward."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import transformers as hf
from safetensors.torch import load_file
from transformers.models.qwen2_5_omni.modeling_qwen2_5_omni import Qwen2_5OmniAudioEncoder

from extract.backbones import omni_audio
from extract.network.compute import CPU
from extract.network.encoder import Encoder
from features.errors import ProjectError
from tests.conformance import assert_same
from tests.speech_architectures import save_omni

LENGTHS = [480, 5000, 32_000, 32_001, 32_320, 32_640, 100_123]


def noise(num_samples: int) -> np.ndarray[Any, np.dtype[np.float32]]:
    return np.random.default_rng(num_samples).normal(0, 0.1, num_samples).astype(np.float32)


def library(folder: Path) -> Qwen2_5OmniAudioEncoder:
    """The library's own tower, with the weights read from the file by their published names."""
    config = hf.Qwen2_5OmniConfig.from_pretrained(folder).thinker_config.audio_config
    network = Qwen2_5OmniAudioEncoder._from_config(config).float().eval()
    prefix = "thinker.audio_tower."
    state = load_file(folder / "model.safetensors")
    assert all(name.startswith(prefix) for name in state)
    network.load_state_dict({name.removeprefix(prefix): value for name, value in state.items()})
    return network


@pytest.fixture(params=["tiny", pytest.param("true", marks=pytest.mark.slow)])
def folder(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    if request.param == "tiny":
        omni_audio.save_tiny(tmp_path, 3)
    else:
        save_omni(tmp_path)
    return tmp_path


def test_a_track_is_the_librarys_own_forward(folder: Path) -> None:
    backbone = omni_audio.load(CPU, checkpoint=str(folder))
    extractor = hf.WhisperFeatureExtractor.from_pretrained(folder)
    network = library(folder)
    for num_samples in LENGTHS:
        samples = noise(num_samples)
        made = extractor(
            samples, sampling_rate=16_000, return_attention_mask=True, return_tensors="pt"
        )
        length = made.attention_mask.sum(-1)
        with torch.inference_mode():
            output = network(made.input_features[0, :, : int(length)], feature_lens=length)
        tracks = Encoder(backbone, CPU).tracks({0: backbone.prepare((samples, 16_000))})[0]
        assert_same(tracks[0], output.last_hidden_state)


def test_weights_are_those_of_the_checkpoint(tmp_path: Path) -> None:
    omni_audio.save_tiny(tmp_path, 3)
    first, same = (omni_audio.load(CPU, checkpoint=str(tmp_path)) for _ in range(2))
    another = omni_audio.load(CPU, checkpoint="tiny", seed=4)
    weight = [b.network.audio_tower.layers[0].fc1.weight for b in (first, same, another)]
    assert torch.equal(weight[0], weight[1]) and not torch.equal(weight[0], weight[2])


def test_silence_and_the_shortest_recording_have_a_step() -> None:
    backbone = omni_audio.tiny()
    for samples in (np.zeros(16_000, np.float32), noise(1)):
        tracks = Encoder(backbone, CPU).tracks({0: backbone.prepare((samples, 16_000))})[0]
        assert torch.isfinite(tracks).all() and tracks.shape[1] == max(1, len(samples) // 640)


def test_preprocessing_of_another_network_is_refused(tmp_path: Path) -> None:
    omni_audio.save_tiny(tmp_path, 3)
    hf.WhisperFeatureExtractor(feature_size=80).save_pretrained(tmp_path)
    with pytest.raises(ProjectError, match=r"\(16000, 160, 80\), and should be \(16000, 160, 8\)"):
        omni_audio.load(CPU, checkpoint=str(tmp_path))
