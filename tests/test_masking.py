"""Masked arithmetic, worked out by hand."""

from itertools import pairwise

import pytest
import torch
from torch import nn

from train.data.masking import (
    Padded,
    attend,
    masked_bins,
    masked_mean,
    masked_softmax,
    masked_std,
    masked_strides,
    zero_padding,
)

NAN = float("nan")


@pytest.fixture
def track() -> Padded:
    """Steps 1, 3 and padding; 5 and padding; padding alone."""
    values = torch.tensor([[1.0, 3.0, NAN], [5.0, 99.0, NAN], [NAN, 7.0, 8.0]])[..., None]
    mask = torch.tensor([[True, True, False], [True, False, False], [False, False, False]])
    return Padded(values, mask)


def test_padding_becomes_zero_whatever_its_values(track: Padded) -> None:
    assert zero_padding(track).values[..., 0].tolist() == [[1, 3, 0], [5, 0, 0], [0, 0, 0]]


def test_the_mean_counts_real_steps_only(track: Padded) -> None:
    assert masked_mean(track)[:, 0].tolist() == [2, 5, 0]


def test_the_deviation_of_one_step_is_finite_and_small(track: Padded) -> None:
    std = masked_std(zero_padding(track), floor=0.0001)[:, 0]
    assert std.tolist() == pytest.approx([1.00005, 0.01, 0.01], abs=1e-4)


def test_the_gradient_of_the_deviation_of_one_step_is_finite() -> None:
    values = torch.tensor([[[2.0]]], requires_grad=True)
    masked_std(Padded(values, torch.tensor([[True]]))).sum().backward()
    assert values.grad is not None and bool(torch.isfinite(values.grad).all())


def test_strides_average_real_steps_only(track: Padded) -> None:
    halved = masked_strides(track, 2)
    assert halved.values[..., 0].tolist() == [[2, 0], [5, 0], [0, 0]]
    assert halved.mask.tolist() == [[True, False], [True, False], [False, False]]


def test_softmax_weights_sum_to_one_over_real_steps() -> None:
    scores = torch.tensor([[[0.0], [0.0], [50.0]], [[1.0], [1.0], [1.0]]])
    mask = torch.tensor([[True, True, False], [False, False, False]])
    assert masked_softmax(scores, mask)[..., 0].tolist() == [[0.5, 0.5, 0.0], [0.0, 0.0, 0.0]]


def test_present_is_true_for_utterances_with_a_track(track: Padded) -> None:
    assert track.present.tolist() == [True, True, False]


def test_attention_ignores_padding_and_gives_zero_for_a_missing_memory() -> None:
    attention = nn.MultiheadAttention(4, 2, batch_first=True)
    query = Padded(torch.randn(2, 3, 4), torch.ones(2, 3, dtype=torch.bool))
    memory = torch.randn(2, 5, 4)
    mask = torch.tensor([[True, True, False, False, False], [False] * 5])
    first = attend(attention, query, Padded(memory, mask))
    changed = memory.clone()
    changed[0, 2:] = 1000
    assert torch.equal(first, attend(attention, query, Padded(changed, mask)))
    assert bool((first[1] == 0).all()) and bool(torch.isfinite(first).all())
    assert bool((first[0] != 0).any())


def test_long_tracks_become_the_means_of_equal_stretches() -> None:
    # Step t of n goes to bin t * 3 // n: of seven steps 0 1 2 | 3 4 | 5 6, of four 0 1 | 2 | 3.
    values = torch.arange(1.0, 8.0).repeat(3, 1)[..., None]
    mask = torch.arange(7) < torch.tensor([7, 4, 2])[:, None]
    binned = masked_bins(Padded(values.masked_fill(~mask[..., None], torch.nan), mask), 3)
    assert binned.mask.tolist() == [[True] * 3, [True] * 3, [True, True, False]]
    assert binned.values[0, :, 0].tolist() == [2.0, 4.5, 6.5]
    assert binned.values[1, :, 0].tolist() == [1.5, 3.0, 4.0]
    # A track that is short enough stays as it is.
    assert binned.values[2, :, 0].tolist() == [1.0, 2.0, 0.0]


@pytest.mark.parametrize("lengths", [[1], [10, 3], [25, 26, 27], [100, 1, 50]])
@pytest.mark.parametrize("bins", [1, 2, 7, 25])
def test_no_step_is_lost_among_the_bins(lengths: list[int], bins: int) -> None:
    longest = max(lengths)
    mask = torch.arange(longest) < torch.tensor(lengths)[:, None]
    values = torch.randn(len(lengths), longest, 2, 4)
    binned = masked_bins(Padded(values, mask), bins)
    assert binned.mask.sum(dim=1).tolist() == [min(length, bins) for length in lengths]
    for row, length in enumerate(lengths):
        edges = [-(-number * length // bins) for number in range(bins + 1)]
        stretches = [values[row, a:b] for a, b in pairwise(edges)]
        if length > bins:
            expected = torch.stack([stretch.mean(dim=0) for stretch in stretches])
            assert torch.allclose(binned.values[row, :bins], expected, atol=1e-6)
        else:
            assert torch.equal(binned.values[row, :length], values[row, :length])
