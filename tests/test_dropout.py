"""Dropout with fast random numbers: as torch's own in distribution, gradients and repetition."""

import math

import pytest
import torch
from torch import nn

from train.loop.pacing import set_dropout
from train.model.dropout import Dropout


@pytest.mark.parametrize("p", [0.1, 0.25, 0.5, 0.9])
def test_so_many_values_are_dropped_and_the_mean_stays(p: float) -> None:
    torch.manual_seed(0)
    values = torch.ones(200, 2503)
    kept = Dropout(p)(values)
    assert kept.shape == values.shape
    deviation = math.sqrt(p * (1 - p) / values.numel())
    assert abs(float((kept == 0).float().mean()) - p) < 5 * deviation
    assert kept.unique().tolist() == pytest.approx([0.0, 1 / (1 - p)], rel=1e-3)
    # Nothing depends on the row or the column.
    for way in (0, 1):
        shares = (kept == 0).float().mean(dim=way)
        expected = math.sqrt(p * (1 - p) / values.shape[way])
        assert 0.8 * expected < float(shares.std()) < 1.2 * expected


def test_gradients_go_where_values_went() -> None:
    values = torch.randn(7, 5, requires_grad=True)
    kept = Dropout(0.5)(values)
    kept.sum().backward()
    assert values.grad is not None
    assert torch.equal(values.grad != 0, kept != 0)
    assert torch.allclose(kept, values * values.grad)


def test_the_same_seed_drops_the_same_and_another_call_does_not() -> None:
    values, layer = torch.ones(64, 64), Dropout(0.5)
    torch.manual_seed(3)
    first, second = layer(values), layer(values)
    state = torch.get_rng_state()
    third = layer(values)
    torch.manual_seed(3)
    assert torch.equal(layer(values), first) and not torch.equal(first, second)
    torch.set_rng_state(state)
    assert torch.equal(layer(values), third)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float64])
@pytest.mark.parametrize("shape", [(), (1,), (0, 3), (3, 1, 2)])
def test_every_shape_and_type_keeps_its_own(shape: tuple[int, ...], dtype: torch.dtype) -> None:
    values = torch.ones(shape, dtype=dtype)
    kept = Dropout(0.5)(values)
    assert (kept.shape, kept.dtype) == (values.shape, dtype)


def test_nothing_is_dropped_in_evaluation_or_with_a_probability_of_zero() -> None:
    values = torch.randn(5, 5)
    assert Dropout(0.9).eval()(values) is values and Dropout(0.0)(values) is values
    assert not Dropout(1.0)(values).any()


def test_a_schedule_sets_it_as_any_other() -> None:
    network = nn.Sequential(Dropout(0.1), nn.Dropout(0.1))
    set_dropout(network, 0.4)
    assert [layer.p for layer in network] == [0.4, 0.4]
