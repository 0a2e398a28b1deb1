"""Attentive statistics pooling, by hand, and its deviation in a reduced number format."""

import torch

from train.data.masking import Padded
from train.pooling.attentive_statistics import Pooling


def equal_weights(dim: int, queries: int = 1) -> Pooling:
    """A pooling whose scores are all the same."""
    pooling = Pooling(dim, queries=queries, hidden=4)
    for parameter in pooling.parameters():
        torch.nn.init.zeros_(parameter)
    return pooling


def test_with_equal_weights_it_is_mean_and_deviation_of_the_real_steps() -> None:
    values = torch.tensor([[[1.0], [3.0], [float("nan")]]])
    pooled = equal_weights(1, queries=2)(Padded(values, torch.tensor([[True, True, False]])))
    assert torch.allclose(pooled, torch.tensor([[2.0, 2.0, 1.0, 1.0]]), atol=1e-4)


def test_weights_by_hand() -> None:
    pooling = Pooling(1, hidden=1)
    with torch.no_grad():
        pooling.score[0].weight.fill_(
            100.0
        )  # the hyperbolic tangent of 100 times 0 is 0, of 1 it is 1
        pooling.score[0].bias.zero_()
        pooling.score[2].weight.fill_(float(torch.log(torch.tensor(3.0))))
        pooling.score[2].bias.zero_()
    track = Padded(torch.tensor([[[0.0], [1.0]]]), torch.ones(1, 2, dtype=torch.bool))
    mean, deviation = pooling(track)[0].tolist()
    # Weights 1/4 and 3/4: mean 3/4, variance 3/16.
    assert abs(mean - 0.75) < 1e-5 and abs(deviation - (3 / 16) ** 0.5) < 1e-4


def test_the_deviation_of_values_far_from_zero_is_right_in_bfloat16() -> None:
    values = 2 + 0.05 * torch.randn(1, 400, 3, generator=torch.Generator().manual_seed(0))
    track = Padded(values, torch.ones(1, 400, dtype=torch.bool))
    with torch.autocast("cpu", torch.bfloat16):
        pooled = equal_weights(3)(track)
    assert torch.allclose(pooled[0, 3:], torch.full((3,), 0.05), rtol=0.15)
