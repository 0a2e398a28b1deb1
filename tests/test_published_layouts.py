"""Checkpoints as they are published: each loads, and gives what the library's own network gives."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import transformers as hf

from extract.backbones import r3d
from extract.media.text import Text
from extract.network.backbone import Example
from extract.network.compute import CPU
from extract.network.encoder import Encoder
from features.errors import ProjectError
from features.leaves import load_leaf
from tests import published_audio as audio
from tests import published_videos as videos
from tests.conformance import assert_same, clip
from tests.published_layouts import TEXTS, write, write_weights

SENTENCES = ["a", "oh no what a day", "he said so and so " * 3]


def load(code: str, folder: Path, **settings: Any) -> Any:
    return load_leaf("extract/backbones", code).load(CPU, checkpoint=str(folder), **settings)


def encoded(backbone: Any, example: Example) -> torch.Tensor:
    return Encoder(backbone, CPU).tracks({0: example})[0]


def states(output: Any) -> torch.Tensor:
    """What enters each layer, and last what the network gives, after its final norm."""
    return torch.cat([*output.hidden_states[:-1], output.last_hidden_state])


def noise(num_samples: int) -> Any:
    return np.random.default_rng(num_samples).normal(0, 0.3, num_samples).astype(np.float32)


def pictures(num_frames: int) -> Any:
    random = np.random.default_rng(num_frames)
    return random.integers(0, 255, (num_frames, 90, 120, 3), dtype=np.uint8)


@pytest.mark.parametrize("name", TEXTS)
def test_a_text_network_gives_what_the_librarys_gives(name: str, tmp_path: Path) -> None:
    network, tokens = TEXTS[name](tmp_path)
    backbone = load("hf-text", tmp_path, layers=[0, 1, 2], special_tokens=True)
    for sentence in SENTENCES:
        with torch.inference_mode():
            output = network(torch.tensor([tokens(sentence)]), output_hidden_states=True)
        example = backbone.prepare(Text(sentence))
        assert_same(encoded(backbone, example), states(output))
        assert example.spans is not None and example.facts == {}
        spoken = [sentence[start:end] for start, end in example.spans]
        assert "".join(spoken).replace(" ", "") == sentence.replace(" ", "")


@pytest.mark.parametrize("name", audio.SPEECH)
def test_a_speech_network_gives_what_the_librarys_gives(name: str, tmp_path: Path) -> None:
    code, publish = audio.SPEECH[name]
    network = publish(tmp_path)
    backbone = load(code, tmp_path, layers=[0, 1, 2])
    extractor = hf.Wav2Vec2FeatureExtractor.from_pretrained(tmp_path)
    for num_samples in (400, 9000):
        samples = noise(num_samples)
        with torch.inference_mode():
            inputs = extractor(samples, sampling_rate=16_000, return_tensors="pt").input_values
            output = network(inputs, output_hidden_states=True)
        example = backbone.prepare((samples, 16_000))
        assert_same(encoded(backbone, example), states(output))


def test_whispers_half_precision_is_read_and_its_second_copy_is_not(tmp_path: Path) -> None:
    encoder = audio.whisper(tmp_path)
    backbone = load("whisper", tmp_path, layers=[0, 1, 2], overlap_s=0.2)
    bands = hf.WhisperFeatureExtractor.from_pretrained(tmp_path)(
        noise(9600), sampling_rate=16_000, return_tensors="pt"
    )
    with torch.inference_mode():
        output = encoder(bands.input_features, output_hidden_states=True)
    example = backbone.prepare((noise(9600), 16_000))
    assert_same(encoded(backbone, example), states(output)[:, :30])


@pytest.mark.parametrize("weights", ["model.pt", "emotion2vec_base.pt", "pretrained.pt"])
def test_emotion2vec_gives_funasrs_frames_under_every_name(weights: str, tmp_path: Path) -> None:
    clips = audio.emotion2vec(tmp_path, weights)
    backbone = load("emotion2vec", tmp_path)
    for samples, frames in clips:
        example = backbone.prepare((samples, 16_000))
        assert_same(encoded(backbone, example)[0], frames)


def test_a_network_on_video_gives_what_torchvisions_gives(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    network = videos.r3d_18(tmp_path, monkeypatch)
    backbone = r3d.load(CPU)
    frames = pictures(8)
    example = backbone.prepare(clip(backbone, frames))
    transform = r3d.NETWORKS["r3d-18"][1].KINETICS400_V1.transforms()
    pixels = transform(torch.from_numpy(frames).permute(0, 3, 1, 2))
    with torch.inference_mode():
        expected = network(pixels[None])
    assert_same(encoded(backbone, example)[0], expected)


def test_videomae_gives_what_the_librarys_gives(tmp_path: Path) -> None:
    network = videos.videomae(tmp_path)
    backbone = load("videomae", tmp_path, layers=[0, 1, 2])
    frames = pictures(4)
    processor = hf.VideoMAEImageProcessor.from_pretrained(tmp_path)
    with torch.inference_mode():
        pixels = processor(list(frames), return_tensors="pt").pixel_values
        output = network(pixels, output_hidden_states=True)
    example = backbone.prepare(clip(backbone, frames))
    assert_same(encoded(backbone, example), states(output).unflatten(1, (2, 4)).mean(dim=2))


@pytest.mark.parametrize("name", videos.TOWERS)
def test_an_image_tower_gives_what_the_librarys_gives(name: str, tmp_path: Path) -> None:
    network, processor = videos.TOWERS[name](tmp_path)
    backbone = load("clip-frames", tmp_path)
    frames = pictures(3)
    with torch.inference_mode():
        pixels = processor.from_pretrained(tmp_path)(list(frames), return_tensors="pt").pixel_values
        output = network.get_image_features(pixel_values=pixels)
    example = backbone.prepare(clip(backbone, frames))
    assert_same(encoded(backbone, example)[0], getattr(output, "pooler_output", output))


@pytest.mark.parametrize("branch", ["video", "text"])
def test_videollamas_shards_give_what_the_librarys_give(branch: str, tmp_path: Path) -> None:
    network = videos.videollama(tmp_path)
    backbone = load("videollama", tmp_path, branch=branch, **videos.BRANCHES[branch])
    if branch == "text":
        example = backbone.prepare(Text("oh no"))
        ids = hf.AutoTokenizer.from_pretrained(tmp_path)("oh no", return_tensors="pt").input_ids
        expected = network.get_input_embeddings()(ids)[0]
    else:
        frames = pictures(3)
        example = backbone.prepare(clip(backbone, frames))
        inputs = videos.videollama_pixels(tmp_path, frames)
        with torch.inference_mode():
            (expected,) = network.model.get_video_features(**inputs).pooler_output
    assert_same(encoded(backbone, example)[0], expected)


def test_videollamas_original_is_refused_for_the_code_that_it_brings(tmp_path: Path) -> None:
    write(tmp_path, "config.json", videos.VIDEOLLAMA_ORIGINAL)
    (tmp_path / "modeling_videollama3.py").write_text("raise SystemExit('it ran')")
    write_weights(tmp_path, {"model.norm.weight": torch.ones(3)})
    with pytest.raises(ProjectError, match=r"wants to run code.*'videollama3_qwen2'.*never done"):
        load("videollama", tmp_path, branch="video")


def test_omnis_audio_tower_is_read_from_its_shards(tmp_path: Path) -> None:
    tower, extractor = audio.omni(tmp_path)
    backbone = load("omni-audio", tmp_path)
    samples = noise(20_000)
    made = extractor(samples, sampling_rate=16_000, return_attention_mask=True, return_tensors="pt")
    length = made.attention_mask.sum(-1)
    with torch.inference_mode():
        output = tower(made.input_features[0, :, : int(length)], feature_lens=length)
    example = backbone.prepare((samples, 16_000))
    assert_same(encoded(backbone, example)[0], output.last_hidden_state)


@pytest.mark.parametrize("change", ["cut", "changed"])
def test_a_damaged_file_of_torchvisions_weights_is_named(
    change: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    videos.r3d_18(tmp_path, monkeypatch)
    (file,) = (tmp_path / "checkpoints").iterdir()
    content = file.read_bytes()
    half = len(content) // 2
    flipped = bytes([content[half] ^ 0xFF]) + content[half + 1 :]
    file.write_bytes(content[:half] + (b"" if change == "cut" else flipped))
    message = rf"{file.name} is damaged: its SHA-256 begins with [0-9a-f]{{8}}, but by.*Delete it"
    with pytest.raises(ProjectError, match=message):
        r3d.load(CPU)
