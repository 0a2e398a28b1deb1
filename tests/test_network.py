"""Published checkpoints from the hub: they load, and a track is the library's own forward.

Run with `pytest -m network` on a machine that reaches the hub; some 4 GB are downloaded.
"""

from typing import Any

import numpy as np
import pytest
import torch
import transformers as hf

from extract.media.text import Text
from extract.network.checkpoint_folders import checkpoint_folder
from extract.network.compute import CPU
from extract.network.encoder import Encoder
from features.leaves import load_leaf
from tests.conformance import assert_same, clip

pytestmark = pytest.mark.network

TEXTS = {
    "google-bert/bert-base-uncased": "86b5e0934494bd15c9632b12f734a8a67f723594",
    "FacebookAI/roberta-base": "e2da8e2f811d1448a5b465c236feacd80ffbac7b",
    "distilbert/distilbert-base-uncased": "12040accade4e8a0f71eabdb258fecc2e7e948be",
    "microsoft/deberta-v3-base": "8ccc9b6f36199bec6961081d44eb72fb3f7353f3",
    "answerdotai/ModernBERT-base": "8949b909ec900327062f0ebf497f51aef5e6f0c8",
}
AUDIO = {
    "facebook/wav2vec2-base-960h": ("wav2vec2", "22aad52d435eb6dbaf354bdad9b0da84ce7d6156"),
    "facebook/hubert-base-ls960": ("hubert", "dba3bb02fda4248b6e082697eee756de8fe8aa8a"),
    "microsoft/wavlm-base-plus": ("wavlm", "4c66d4806a428f2e922ccfa1a962776e232d487b"),
}
IMAGES = {
    "openai/clip-vit-base-patch32": ("CLIP", "3d74acf9a28c67741b2f4f2ea7635f0aaf6f0268"),
    "google/siglip-base-patch16-224": ("Siglip", "7fd15f0689c79d79e38b1c2e2e2370a7bf2761ed"),
}
VIDEOMAE = ("MCG-NJU/videomae-base", "dc740ceda42fce44faed2ea03c6d447db72f6af9")
WHISPER = ("openai/whisper-tiny", "169d4a4341b33bc18d8881c4b69c2e104e1cc0af")


def track(backbone: Any, media: Any) -> torch.Tensor:
    return Encoder(backbone, CPU).tracks({0: backbone.prepare(media)})[0]


def noise() -> Any:
    return np.random.default_rng(0).normal(0, 0.1, 40_000).astype(np.float32)


@pytest.mark.parametrize("name", TEXTS)
def test_a_published_text_network(name: str) -> None:
    leaf = load_leaf("extract/backbones", "hf-text")
    backbone = leaf.load(CPU, checkpoint=name, revision=TEXTS[name], special_tokens=True)
    folder = checkpoint_folder(name, TEXTS[name])
    network = hf.AutoModel.from_pretrained(folder, local_files_only=True).float().eval()
    inputs = hf.AutoTokenizer.from_pretrained(folder)("Oh no, he said.", return_tensors="pt")
    with torch.inference_mode():
        expected = network(**inputs).last_hidden_state
    assert_same(track(backbone, Text("Oh no, he said.")), expected)


@pytest.mark.parametrize("name", AUDIO)
def test_a_published_speech_network(name: str) -> None:
    code, revision = AUDIO[name]
    leaf = load_leaf("extract/backbones", code)
    backbone = leaf.load(CPU, checkpoint=name, revision=revision)
    folder = checkpoint_folder(name, revision)
    network = hf.AutoModel.from_pretrained(folder, local_files_only=True).float().eval()
    extractor = hf.AutoFeatureExtractor.from_pretrained(folder)
    with torch.inference_mode():
        inputs = extractor(noise(), sampling_rate=16_000, return_tensors="pt").input_values
        expected = network(inputs).last_hidden_state
    assert_same(track(backbone, (noise(), 16_000)), expected)


def test_a_published_whisper() -> None:
    name, revision = WHISPER
    leaf = load_leaf("extract/backbones", "whisper")
    backbone = leaf.load(CPU, checkpoint=name, revision=revision)
    folder = checkpoint_folder(name, revision)
    network = hf.WhisperModel.from_pretrained(folder, local_files_only=True).float().eval()
    extractor = hf.WhisperFeatureExtractor.from_pretrained(folder)
    with torch.inference_mode():
        bands = extractor(noise(), sampling_rate=16_000, return_tensors="pt").input_features
        expected = network.encoder(bands).last_hidden_state[:, :125]
    assert_same(track(backbone, (noise(), 16_000)), expected)


def pictures(count: int) -> Any:
    return np.random.default_rng(0).integers(0, 255, (count, 240, 320, 3), dtype=np.uint8)


@pytest.mark.parametrize("name", IMAGES)
def test_a_published_image_tower(name: str) -> None:
    kind, revision = IMAGES[name]
    leaf = load_leaf("extract/backbones", "clip-frames")
    backbone = leaf.load(CPU, checkpoint=name, revision=revision)
    folder = checkpoint_folder(name, revision)
    network = getattr(hf, f"{kind}Model").from_pretrained(folder, local_files_only=True)
    processor = getattr(hf, f"{kind}ImageProcessor").from_pretrained(folder)
    pixels = processor(list(pictures(3)), return_tensors="pt").pixel_values
    with torch.inference_mode():
        output = network.float().eval().get_image_features(pixel_values=pixels)
    expected = getattr(output, "pooler_output", output)
    assert_same(track(backbone, clip(backbone, pictures(3)))[0], expected)


def test_the_published_videomae() -> None:
    name, revision = VIDEOMAE
    backbone = load_leaf("extract/backbones", "videomae").load(
        CPU, checkpoint=name, revision=revision
    )
    folder = checkpoint_folder(name, revision)
    network = hf.VideoMAEModel.from_pretrained(folder, local_files_only=True).float().eval()
    processor = hf.VideoMAEImageProcessor.from_pretrained(folder)
    pixels = processor(list(pictures(16)), return_tensors="pt").pixel_values
    with torch.inference_mode():
        expected = network(pixels).last_hidden_state.unflatten(1, (8, 196)).mean(dim=2)
    assert_same(track(backbone, clip(backbone, pictures(16))), expected)
