"""R3D-18: steps, preparation, random weights."""

import numpy as np
import pytest
import torch

from extract.backbones.r3d import load, scaled, tiny
from extract.compute import CPU
from extract.encoder import Encoder


@pytest.mark.parametrize(("num_frames", "num_steps"), [(1, 1), (8, 1), (9, 2), (75, 10)])
def test_a_step_is_eight_frames(num_frames: int, num_steps: int) -> None:
    backbone = tiny()
    example = backbone.prepare(np.zeros((num_frames, 18, 24, 3), np.uint8))
    assert Encoder(backbone, CPU).tracks({0: example})[0].shape == (1, num_steps, 512)


def test_preparation_equals_the_published_transforms() -> None:
    from torchvision.models.video import R3D_18_Weights

    frames = np.random.default_rng(0).integers(0, 255, (3, 128, 171, 3), dtype=np.uint8)
    backbone = load(CPU, weights="random")
    published = R3D_18_Weights.KINETICS400_V1.transforms()
    expected = published(torch.from_numpy(frames).permute(0, 3, 1, 2))
    assert backbone.reading["height_px"] == 128 and backbone.reading["width_px"] == 171
    clip = torch.from_numpy(backbone.prepare(frames).windows[0].values)[None]
    assert torch.allclose(scaled(clip.permute(0, 4, 1, 2, 3))[0], expected, atol=1e-5)


def test_random_weights_depend_on_the_seed_alone() -> None:
    torch.manual_seed(1)
    one = load(CPU, weights="random", seed=5)
    torch.manual_seed(2)
    two = load(CPU, weights="random", seed=5)
    other = load(CPU, weights="random", seed=6)
    assert torch.equal(one.network.stem[0].weight, two.network.stem[0].weight)
    assert one.weights_digest == two.weights_digest != other.weights_digest
