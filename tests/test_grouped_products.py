"""Convolutions in groups as matrix products, against torch's own."""

import pytest
import torch
from torch import nn
from torch.nn.utils.parametrizations import weight_norm

from extract.backbones._speech.grouped import GroupedProduct, use_grouped_products
from extract.network.compute import CPU


@pytest.mark.parametrize("kernel", [1, 4, 7, 19, 128])
@pytest.mark.parametrize("groups", [2, 4])
@pytest.mark.parametrize("steps", [1, 3, 4, 30, 131])
def test_the_sums_are_those_of_the_convolution(kernel: int, groups: int, steps: int) -> None:
    conv = nn.Conv1d(8, 12, kernel, padding=kernel // 2, groups=groups).double()
    hidden = torch.randn(3, 8, steps, dtype=torch.float64)
    with torch.no_grad():
        torch.testing.assert_close(GroupedProduct(conv)(hidden), conv(hidden))


def test_without_bias_and_with_a_norm_of_the_weights() -> None:
    conv = weight_norm(nn.Conv1d(8, 8, 5, groups=4, bias=False), dim=2)
    hidden = torch.randn(2, 8, 11)
    with torch.no_grad():
        torch.testing.assert_close(GroupedProduct(conv)(hidden), conv(hidden))


def test_only_convolutions_in_groups_of_several_channels_are_replaced() -> None:
    network = nn.ModuleDict(
        {
            "dense": nn.Conv1d(8, 8, 3),
            "strided": nn.Conv1d(8, 8, 3, groups=2, stride=2),
            "depthwise": nn.Conv1d(8, 8, 3, groups=8),
            "inside": nn.Sequential(nn.Conv1d(8, 8, 3, groups=2, padding=1), nn.GELU()),
        }
    )
    hidden = torch.randn(1, 8, 9)
    with torch.no_grad():
        expected = network["inside"](hidden)
        use_grouped_products(network, CPU)
        torch.testing.assert_close(network["inside"](hidden), expected)
    replaced = [n for n, m in network.named_modules() if isinstance(m, GroupedProduct)]
    assert replaced == ["inside.0"]
