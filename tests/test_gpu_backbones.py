"""Every backbone on a GPU that is not there: devices, waiting, and what is done otherwise there."""

from functools import partial
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from extract.network.backbone import Backbone, Window
from extract.network.compute import CPU, Compute
from features.leaves import leaf_names, load_leaf
from tests.architectures import SMALL, texts
from tests.conformance import (
    assert_neighbours_never_matter,
    assert_repeatable,
    assert_same,
    windows,
)
from tests.pretended_gpu import DEVICES, GpuPathsOnCpu, NeverWaits, fake_gpu, move, take_gpu_paths

pytestmark = pytest.mark.slow

NAMES = leaf_names("extract/backbones")


def tiny(name: str) -> Backbone:
    backbone: Backbone = load_leaf("extract/backbones", name).tiny()
    return backbone


def gpu_paths(name: str) -> Backbone:
    """A tiny backbone, loaded for the CPU, that does what it would do on a GPU."""
    backbone = tiny(name)
    take_gpu_paths(backbone, GpuPathsOnCpu(torch.device("cpu")))
    return backbone


@pytest.fixture(params=NAMES)
def name(request: pytest.FixtureRequest) -> str:
    architecture: str = request.param
    return architecture


@pytest.mark.parametrize("device", DEVICES, ids=str)
def test_nothing_is_left_on_another_device(name: str, device: torch.device) -> None:
    backbone: Any = tiny(name)
    many = windows(backbone, 6)
    with CPU.running():
        shapes = [track.shape for track in backbone.encode(many)]
    with fake_gpu():
        compute = Compute(device)
        take_gpu_paths(backbone, compute)
        for value in vars(backbone).values():
            if isinstance(value, nn.Module):
                move(value, device)
        with compute.running():
            tracks = backbone.encode(many)
            arrived = compute.fetch(tracks)()
        on_device = {track.device for track in tracks}
        assert on_device == ({torch.device("cpu")} if name == "imported" else {device})
        assert {track.device for track in arrived} == {torch.device("cpu")}
        assert [track.shape for track in arrived] == shapes


def test_what_is_done_otherwise_on_a_gpu_gives_the_same_tracks(name: str) -> None:
    many = windows(tiny(name), 12)
    with CPU.running():
        expected = tiny(name).encode(many)
    backbone = gpu_paths(name)
    with CPU.running():
        for track, reference in zip(backbone.encode(many), expected, strict=True):
            assert_same(track, reference)


def test_batch_neighbours_never_matter_there_either(name: str) -> None:
    backbone = gpu_paths(name)
    assert_neighbours_never_matter(backbone, windows(backbone))


def test_the_same_plan_twice_is_bit_identical_there_too(name: str) -> None:
    backbone = gpu_paths(name)
    assert_repeatable(backbone, windows(backbone, 8))


def test_encoding_never_waits_for_the_gpu(name: str) -> None:
    backbone = gpu_paths(name)
    many: list[Window] = windows(backbone, 6)
    with CPU.running(), NeverWaits():
        backbone.encode(many)


@pytest.mark.parametrize("architecture", texts(SMALL))
def test_every_text_network_gives_the_same_there(architecture: str, tmp_path: Path) -> None:
    backbone: Any = texts(SMALL)[architecture].load(tmp_path)
    many = windows(backbone, 8)
    with CPU.running():
        expected = [backbone.encode([window])[0] for window in many]
    take_gpu_paths(backbone, GpuPathsOnCpu(torch.device("cpu")))
    with CPU.running(), NeverWaits():
        tracks = backbone.encode(many)
    for track, reference in zip(tracks, expected, strict=True):
        assert_same(track, reference)


def test_videollama_looks_back_only_with_either_attention() -> None:
    tracks = []
    for attention in ("sdpa", "eager"):
        compute = Compute(torch.device("cpu"), attention=attention)  # type: ignore[arg-type]
        backbone = load_leaf("extract/backbones", "videollama").load(
            compute, branch="joint", checkpoint="tiny", layers=[1, 2], window_s=12.0
        )
        many = windows(backbone, 4)
        with compute.running():
            tracks.append(backbone.encode(many))
            alone = [backbone.encode([window])[0] for window in many]
        for track, reference in zip(tracks[-1], alone, strict=True):
            assert_same(track, reference)
    for track, reference in zip(*tracks, strict=True):
        assert_same(track, reference)


def test_waiting_would_be_noticed() -> None:
    values = torch.arange(3.0)
    ways = (lambda: float(values.sum()), lambda: values[values > 1], values.nonzero)
    brings = (lambda tensor: tensor.cpu(), lambda tensor: tensor.numpy())
    for waits in [*ways, *(partial(bring, values) for bring in brings)]:
        with NeverWaits(), pytest.raises(AssertionError, match="waits for the GPU"):
            waits()
