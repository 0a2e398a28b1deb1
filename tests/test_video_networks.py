"""VideoMAE, CLIP and SigLIP against the library's own forward, from decoded frames on."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import transformers as hf

from extract.backbones import clip_frames, videomae
from extract.backbones._video.frames import Scale
from extract.network.backbone import Backbone
from extract.network.compute import CPU
from extract.network.encoder import Encoder
from features.errors import ProjectError
from tests.conformance import assert_same, clip
from tests.video_architectures import VIDEOS

SIZES = [(64, 64), (360, 640), (97, 131), (201, 75)]


def pictures(num_frames: int, height: int = 90, width: int = 120) -> np.ndarray[Any, Any]:
    shape = (num_frames, height, width, 3)
    return np.random.default_rng(num_frames).integers(0, 255, shape, dtype=np.uint8)


def track(backbone: Backbone, frames: np.ndarray[Any, Any]) -> torch.Tensor:
    return Encoder(backbone, CPU).tracks({0: backbone.prepare(clip(backbone, frames))})[0]


class TestVideoMae:
    @pytest.mark.slow
    def test_a_track_is_the_librarys_own_forward(self, tmp_path: Path) -> None:
        backbone = VIDEOS["videomae-base"].load(tmp_path, grid=1)
        network = hf.VideoMAEModel.from_pretrained(tmp_path).eval()
        processor = hf.VideoMAEImageProcessor.from_pretrained(tmp_path)
        frames = pictures(16)
        with torch.inference_mode():
            pixels = processor(list(frames), return_tensors="pt").pixel_values
            output = network(pixels, output_hidden_states=True)
        states = torch.cat([*output.hidden_states[:-1], output.last_hidden_state])
        assert_same(track(backbone, frames), states.unflatten(1, (8, 16)).mean(dim=2))

    @pytest.mark.parametrize(("num_frames", "num_steps"), [(1, 1), (8, 4), (9, 5), (21, 11)])
    def test_a_step_is_two_frames(self, num_frames: int, num_steps: int) -> None:
        assert track(videomae.tiny(), pictures(num_frames)).shape == (3, num_steps, 16)

    def test_windows_share_a_quarter_and_keep_what_is_nearer_to_their_middle(self) -> None:
        backbone = videomae.tiny()  # windows of 8 frames, 4 steps; they share one
        frames = pictures(14)
        whole = track(backbone, frames)
        assert_same(whole[:, :3], track(backbone, frames[:8])[:, :3])
        assert_same(whole[:, 3:], track(backbone, frames[6:14]))

    @pytest.mark.slow
    def test_cells_are_kept_row_by_row(self, tmp_path: Path) -> None:
        architecture = VIDEOS["videomae-base"]
        one, four = (architecture.load(tmp_path, grid=grid, layers=[1]) for grid in (1, 2))
        frames = pictures(5)
        assert four.prepare(clip(four, frames)).facts == {"cells": 4}
        cells = track(four, frames)
        assert cells.shape == (1, 3 * 4, 768)
        assert_same(cells.unflatten(1, (3, 4)).mean(dim=2), track(one, frames))


@pytest.mark.slow
@pytest.mark.parametrize(("name", "kind"), [("clip-vit-b32", "CLIP"), ("siglip-base", "Siglip")])
def test_an_image_tower_is_the_librarys_own(name: str, kind: str, tmp_path: Path) -> None:
    backbone = VIDEOS[name].load(tmp_path)
    network = getattr(hf, f"{kind}Model").from_pretrained(tmp_path).eval()
    processor = getattr(hf, f"{kind}ImageProcessor").from_pretrained(tmp_path)
    frames = pictures(37)  # two windows
    with torch.inference_mode():
        pixels = processor(list(frames), return_tensors="pt").pixel_values
        output = network.get_image_features(pixel_values=pixels)
    assert_same(track(backbone, frames)[0], getattr(output, "pooler_output", output))
    assert not [name for name, _ in backbone.network.named_modules() if "text" in name]


@pytest.mark.slow
@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("name", ["videomae-base", "clip-vit-b32", "siglip-base"])
def test_preparation_equals_the_librarys(name: str, size: tuple[int, int], tmp_path: Path) -> None:
    backbone: Any = VIDEOS[name].load(tmp_path)
    processor = hf.AutoImageProcessor.from_pretrained(tmp_path)
    frames = pictures(2, *size)
    expected = processor(list(frames), return_tensors="pt").pixel_values
    shape = backbone.prepare.shape
    made = Scale(*shape.moments)(torch.from_numpy(clip(backbone, frames).frames))
    assert torch.allclose(made, expected.reshape(made.shape), atol=1e-5)


def test_the_projection_may_be_stated_for_both_towers(tmp_path: Path) -> None:
    vision = {"image_size": 64, "num_hidden_layers": 1, "hidden_size": 16, "intermediate_size": 16}
    texts = {"num_hidden_layers": 1, "vocab_size": 8, "hidden_size": 16, "intermediate_size": 16}
    heads = {"num_attention_heads": 2}
    config = hf.CLIPConfig(
        vision_config={**vision, **heads}, text_config={**texts, **heads}, projection_dim=24
    )
    VIDEOS["clip-vit-b32"].save(tmp_path)  # its processor
    hf.CLIPModel(config).save_pretrained(tmp_path)
    assert track(clip_frames.load(CPU, checkpoint=str(tmp_path)), pictures(2)).shape == (1, 2, 24)


def test_a_preparation_for_another_network_is_refused(tmp_path: Path) -> None:
    VIDEOS["clip-vit-b32"].save(tmp_path)
    hf.CLIPImageProcessor().save_pretrained(tmp_path)
    with pytest.raises(ProjectError, match=r"gives frames of 224 x 224.*takes 64 x 64"):
        clip_frames.load(CPU, checkpoint=str(tmp_path))


def test_another_architecture_is_refused(tmp_path: Path) -> None:
    VIDEOS["videomae-base"].save(tmp_path)
    with pytest.raises(ProjectError, match="is a 'videomae'; this backbone reads 'clip'"):
        clip_frames.load(CPU, checkpoint=str(tmp_path))
