"""The 3-D ResNets: steps, windows, cells, preparation, random weights."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from torchvision.models import video

from extract.backbones._video.clip_input import ClipInput
from extract.backbones._video.frames import Scale, cell_means
from extract.backbones._video.resnet_weights import MEAN, NETWORKS, STD
from extract.backbones.r3d import R3d, load, tiny
from extract.network.compute import CPU
from extract.network.encoder import Encoder
from features.errors import ProjectError
from tests.conformance import (
    assert_neighbours_never_matter,
    assert_repeatable,
    assert_same,
    clip,
    windows,
)


def pictures(num_frames: int, height: int = 18, width: int = 24) -> np.ndarray[Any, Any]:
    shape = (num_frames, height, width, 3)
    return np.random.default_rng(num_frames).integers(0, 255, shape, dtype=np.uint8)


def track(backbone: R3d, frames: np.ndarray[Any, Any]) -> torch.Tensor:
    return Encoder(backbone, CPU).tracks({0: backbone.prepare(clip(backbone, frames))})[0]


def small(**settings: Any) -> R3d:
    return load(CPU, **{"weights": "random", "size_px": 16, **settings})


@pytest.mark.parametrize(("num_frames", "num_steps"), [(1, 1), (8, 1), (9, 2), (75, 10)])
def test_a_step_is_eight_frames(num_frames: int, num_steps: int) -> None:
    assert track(tiny(), pictures(num_frames)).shape == (1, num_steps, 512)


@pytest.mark.slow
def test_a_step_of_mc3_is_one_frame() -> None:
    backbone = small(architecture="mc3-18")
    assert track(backbone, pictures(5)).shape == (1, 5, 512)
    assert (backbone.rate_hz, backbone.first_step_s) == (15.0, 0.5 / 15)


@pytest.mark.slow
@pytest.mark.parametrize("architecture", NETWORKS)
def test_padded_batches_give_what_clips_of_one_length_give(architecture: str) -> None:
    backbone = small(architecture=architecture, grid=2, size_px=32)
    many = [
        window
        for count in (1, 7, 8, 17, 24, 30)
        for window in backbone.prepare(clip(backbone, pictures(count))).windows
    ]
    with CPU.running():
        pairs = zip(backbone.padded(many), backbone.by_length(many), strict=True)
        for padded, alone in pairs:
            assert_same(padded, alone)


def test_a_step_of_windows_is_the_mean_over_one_of_them() -> None:
    backbone = tiny()
    backbone.prepare = replace(backbone.prepare, window_frames=16, stride_frames=8)
    frames = pictures(35)
    windowed = track(backbone, frames)
    assert windowed.shape == (1, 4, 512)  # at frames 0, 8, 16 and 24, the last filled up
    filled = np.concatenate([frames[24:], frames[[-1] * 5]])
    for step, window in ((1, frames[8:24]), (3, filled)):
        alone = track(tiny(), window).mean(dim=1)
        assert_same(windowed[:, step], alone)


def test_the_times_of_windows_are_their_middles() -> None:
    backbone = small(rate_hz=16.0, window_frames=16, stride_frames=4)
    assert (backbone.rate_hz, backbone.first_step_s) == (4.0, 0.5)


def test_cells_are_kept_row_by_row_and_their_mean_is_the_pooled_step() -> None:
    one, four = (load(CPU, weights="random", size_px=32, grid=grid) for grid in (1, 2))
    frames = pictures(9, 36, 48)
    example = four.prepare(clip(four, frames))
    assert example.facts == {"cells": 4}
    cells = track(four, frames)
    assert cells.shape == (1, 2 * 4, 512)
    assert_same(cells.unflatten(1, (2, 4)).mean(dim=2), track(one, frames))


def test_means_over_cells_can_be_worked_out_by_hand() -> None:
    maps = torch.arange(16.0).reshape(1, 1, 4, 4)
    assert cell_means(maps, 2).flatten().tolist() == [2.5, 4.5, 10.5, 12.5]
    assert cell_means(maps, 1).flatten().tolist() == [7.5]


@pytest.mark.slow
@pytest.mark.parametrize("architecture", NETWORKS)
def test_a_long_clip_is_encoded_as_if_in_one_piece(architecture: Any) -> None:
    backbone = small(architecture=architecture)
    frames = pictures(1100)
    example = backbone.prepare(clip(backbone, frames))
    assert len(example.windows) == 3
    with CPU.running():
        scaled = Scale(MEAN, STD)(torch.from_numpy(clip(backbone, frames).frames)[None])
        whole = backbone._steps(scaled.transpose(1, 2))[0]
    assert_same(Encoder(backbone, CPU).tracks({0: example})[0], whole)


@pytest.mark.slow
@pytest.mark.parametrize("architecture", NETWORKS)
def test_every_network_is_exact_in_batches_and_torchvisions_own(architecture: Any) -> None:
    backbone = small(architecture=architecture, grid=2)
    many = windows(backbone, 8, longest=20)
    assert_neighbours_never_matter(backbone, many)
    assert_repeatable(backbone, many)
    network = getattr(video, NETWORKS[architecture][0].__name__)(weights=None)
    network.load_state_dict(backbone.network.state_dict())
    network.eval().fc = torch.nn.Identity()
    frames = pictures(16)
    with torch.inference_mode():
        scaled = Scale(MEAN, STD)(torch.from_numpy(clip(backbone, frames).frames)[None])
        expected = network(scaled.transpose(1, 2))
    assert_same(track(small(architecture=architecture), frames).mean(dim=1), expected)


@pytest.mark.parametrize("size", [(128, 171), (360, 640), (97, 131), (641, 359)])
def test_preparation_equals_the_published_transforms(size: tuple[int, int]) -> None:
    prepare = ClipInput(15.0, None, "published", 112, frames_per_step=8, cells=1)
    frames = pictures(2, *size)
    resized = np.stack([prepare.frame(frame) for frame in frames])
    made = Scale(MEAN, STD)(torch.from_numpy(resized)).transpose(0, 1)
    for _, published, _ in NETWORKS.values():
        transform = published.KINETICS400_V1.transforms()
        expected = transform(torch.from_numpy(frames).permute(0, 3, 1, 2))
        assert torch.allclose(made, expected, atol=1e-5)


def test_crops_take_their_part_of_a_frame() -> None:
    picture = np.zeros((100, 300, 3), np.uint8)
    picture[:, :100], picture[:, 100:200] = 60, 120
    levels = {}
    for crop in ("published", "centre", "whole"):
        prepare = ClipInput(15.0, None, crop, 16, frames_per_step=8, cells=1)
        levels[crop] = sorted(np.unique(prepare.frame(picture)[8, 1:-1, 0]).tolist())
    assert levels["centre"] == [120]  # the middle third
    assert levels["whole"][0] == 0 and {60, 120} <= set(levels["whole"])
    assert levels["published"][0] == 0 and levels["published"][-1] == 120


def test_no_window_begins_after_the_end() -> None:
    backbone = tiny()
    backbone.prepare = replace(backbone.prepare, window_frames=16, stride_frames=64)
    assert track(backbone, pictures(100)).shape == (1, 2, 512)  # at 0 and 64


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"stride_frames": 4}, "a dense track has no windows"),
        ({"window_frames": 16, "stride_frames": 1}, "encoded 16 times; at most 4 are allowed"),
    ],
)
def test_strides_that_make_no_sense_are_refused(settings: Any, message: str) -> None:
    with pytest.raises(ProjectError, match=message):
        small(**settings)


def test_faces_are_not_pressed_out_of_shape() -> None:
    with pytest.raises(ProjectError, match="crop is 'published'.*set crop to centre"):
        small(face_crop=True)


def test_random_weights_depend_on_the_seed_alone() -> None:
    torch.manual_seed(1)
    one = load(CPU, weights="random", seed=5)
    torch.manual_seed(2)
    two = load(CPU, weights="random", seed=5)
    other = load(CPU, weights="random", seed=6)
    assert torch.equal(one.network.stem[0].weight, two.network.stem[0].weight)
    assert one.weights_digest == two.weights_digest != other.weights_digest
