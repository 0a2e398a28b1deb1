"""Padded tracks and the only arithmetic on their masks. True means real."""

from collections.abc import Iterable
from typing import NamedTuple

import torch
from torch import Tensor, nn


class Padded(NamedTuple):
    """Tracks of a batch: `values (B, T, D)` and `mask (B, T)`, bool, True where a step is real.

    An utterance without a track has a row without any True.
    """

    values: Tensor
    mask: Tensor

    @property
    def present(self) -> Tensor:
        """Which utterances have a track at all, `(B,)` bool."""
        return self.mask.any(dim=1)


class Packed(NamedTuple):
    """The same without padding: the real steps `values (S, ...)` of a batch one after another.

    They may be of the type that they are stored in. `places (S,)` says where each step is among the
    `B * T` of `mask (B, T)`.
    """

    values: Tensor
    places: Tensor
    mask: Tensor

    def with_values(self, values: Tensor) -> Padded:
        """Other values of the same steps `(S, ...)` as a padded track, zeros in the padding."""
        flat = values.new_zeros((self.mask.numel(), *values.shape[1:]))
        flat = flat.index_copy(0, self.places, values)
        return Padded(flat.unflatten(0, self.mask.shape), self.mask)


Steps = Padded | Packed


def packed(track: Padded) -> Packed:
    """A padded track without its padding."""
    places = track.mask.flatten().nonzero()[:, 0]
    return Packed(track.values.flatten(0, 1)[places], places, track.mask)


def padded(track: Steps) -> Padded:
    """A track with its padding."""
    return track if isinstance(track, Padded) else track.with_values(track.values.float())


def zero_padding(track: Padded) -> Padded:
    """The same track with zeros in place of its padding, NaN included."""
    mask = track.mask.reshape(*track.mask.shape, *[1] * (track.values.dim() - 2))
    return Padded(torch.where(mask, track.values, 0.0), track.mask)


def masked_mean(track: Padded) -> Tensor:
    """The mean over real steps `(B, D)`; zeros where there is none."""
    count = track.mask.sum(dim=1, keepdim=True).clamp_min(1)
    return zero_padding(track).values.sum(dim=1) / count


def masked_max(track: Padded) -> Tensor:
    """The greatest value over real steps `(B, D)`; zeros where there is none."""
    lowest = torch.finfo(track.values.dtype).min
    values = track.values.masked_fill(~track.mask[..., None], lowest).amax(dim=1)
    return torch.where(track.present[:, None], values, 0.0)


def first_step(track: Padded) -> Tensor:
    """The first real step `(B, D)`; zeros where there is none."""
    place = track.mask.int().argmax(dim=1)
    values = track.values[torch.arange(len(place)), place]
    return torch.where(track.present[:, None], values, 0.0)


def masked_bins(track: Padded, bins: int) -> Padded:
    """Tracks of more than `bins` steps as the means of so many equal stretches: `(B, ≤bins, ...)`.

    Step t of n falls into stretch `t * bins // n`. Shorter tracks stay as they are.
    """
    if track.mask.shape[1] <= bins:
        return track
    clean, lengths = zero_padding(track), track.mask.sum(dim=1)
    steps = torch.arange(track.mask.shape[1], device=lengths.device)
    place = torch.where(
        lengths[:, None] > bins, steps * bins // lengths[:, None].clamp_min(1), steps
    ).clamp_max(bins - 1)
    rows = torch.arange(len(lengths), device=lengths.device)[:, None] * bins
    bins_of_steps = (rows + place).flatten()
    flat = clean.values.flatten(0, 1)
    sums = flat.new_zeros((len(lengths) * bins, *flat.shape[1:])).index_add_(0, bins_of_steps, flat)
    count = flat.new_zeros(len(lengths) * bins).index_add_(
        0, bins_of_steps, track.mask.flatten().to(flat)
    )
    means = sums / count.clamp_min(1).reshape(-1, *[1] * (flat.dim() - 1))
    shape = (len(lengths), bins)
    return Padded(means.unflatten(0, shape), count.unflatten(0, shape) > 0)


def some_rows(track: Padded, rows: Tensor) -> Padded:
    """The tracks of some rows, no longer than the longest of them."""
    mask = track.mask[rows]
    steps = torch.arange(1, mask.shape[1] + 1, device=mask.device)
    longest = max(1, int((mask * steps).max()))
    return Padded(track.values[rows, :longest], mask[:, :longest])


def joined(tracks: Iterable[Padded]) -> Padded:
    """Tracks of the same utterances one after another in time, padding left where it is."""
    segments = list(tracks)
    return Padded(
        torch.cat([track.values for track in segments], dim=1),
        torch.cat([track.mask for track in segments], dim=1),
    )


def masked_strides(track: Padded, stride: int) -> Padded:
    """The means of every `stride` steps: `(B, ceil(T / stride), D)`; padding counts for nothing."""
    missing = -track.mask.shape[1] % stride
    clean = zero_padding(track)
    values = nn.functional.pad(clean.values, (0, 0, 0, missing)).unflatten(1, (-1, stride))
    mask = nn.functional.pad(track.mask, (0, missing)).unflatten(1, (-1, stride))
    count = mask.sum(dim=2, keepdim=True).clamp_min(1)
    return Padded(values.sum(dim=2) / count, mask.any(dim=2))


def masked_std(track: Padded, floor: float = 1e-5) -> Tensor:
    """The standard deviation over real steps `(B, D)`, about `sqrt(floor)` for a single one."""
    centred = track.values - masked_mean(track)[:, None]
    variance = masked_mean(Padded(centred.square(), track.mask))
    return (variance + floor).sqrt()


def masked_softmax(scores: Tensor, mask: Tensor) -> Tensor:
    """Weights over the steps of `scores (B, T, H)`: 0 in padding, their sum 1 (0 without steps)."""
    hidden = ~mask[..., None]
    lowest = torch.finfo(scores.dtype).min
    weights = torch.softmax(scores.masked_fill(hidden, lowest), dim=1)
    return weights.masked_fill(hidden, 0.0)


def equal_weights(mask: Tensor) -> Tensor:
    """The same weight for every real step `(B, T)`, their sum 1 (0 without steps)."""
    return mask / mask.sum(dim=1, keepdim=True).clamp_min(1)


def share_of_greatest(track: Padded) -> Tensor:
    """In what share of the width each step has the greatest value, `(B, T)`; the first of equals.

    The sum over real steps is 1 (0 without steps).
    """
    lowest = torch.finfo(track.values.dtype).min
    places = track.values.masked_fill(~track.mask[..., None], lowest).argmax(dim=1)
    counts = torch.zeros_like(track.mask, dtype=torch.float32).scatter_add_(
        1, places, torch.ones_like(places, dtype=torch.float32)
    )
    return counts.masked_fill(~track.mask, 0.0) / places.shape[1]


def weighted_by_pairs(scores: Tensor, visible: Tensor, values: Tensor) -> Tensor:
    """Sums of `values (N, K, H, D)` that every query weighs by its `scores (N, Q, K, H)`.

    What a query may not look at (`visible (N, Q, K)`, True: it may) weighs nothing; a query that
    may look at nothing gets zeros. `(N, Q, H, D)`.
    """
    hidden = ~visible[..., None]
    lowest = torch.finfo(scores.dtype).min
    weights = torch.softmax(scores.masked_fill(hidden, lowest), dim=2).masked_fill(hidden, 0.0)
    return torch.einsum("nqkh,nkhd->nqhd", weights, values)


def attend(attention: nn.MultiheadAttention, query: Padded, memory: Padded) -> Tensor:
    """Attention of every query step over the real steps of `memory`: `(B, T of query, D)`.

    Zeros where the memory has no real step. Torch marks what is to be ignored with True: this
    is the one place where the polarity is turned.
    """
    # Where everything is ignored some kernels give NaN, whose gradient would survive the zeros.
    ignored = ~memory.mask & memory.present[:, None]
    values, _ = attention(
        query.values, memory.values, memory.values, key_padding_mask=ignored, need_weights=False
    )
    return torch.where(memory.present[:, None, None], values, 0.0)
