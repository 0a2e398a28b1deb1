"""What happens to standardised tracks in training alone: noise, gaps, missing tracks, mixtures."""

from collections.abc import Mapping
from typing import NamedTuple

import torch
from torch import Tensor

from features.specs.training import AugmentSpec
from train.data.masking import Padded, zero_padding

Tracks = dict[str, Padded]


def augmented(specs: Mapping[str, AugmentSpec], tracks: Tracks) -> Tracks:
    """Tracks `(B, T, L, D)` of each modality, changed as its spec says."""
    changed = {**tracks}
    for name, spec in specs.items():
        track = tracks[name]
        if spec.step_dropout:
            track = without_steps(track, spec.step_dropout)
        if spec.noise:
            track = Padded(track.values + spec.noise * torch.randn_like(track.values), track.mask)
        for _ in range(spec.spans):
            track = without_span(track, spec.span_share)
        for _ in range(spec.bands):
            track = without_band(track, spec.band_share)
        changed[name] = track
    return _with_gaps(specs, changed)


def without_steps(track: Padded, share: float) -> Padded:
    """Each step left out with a probability, one kept at least; those after it move up."""
    kept = track.mask & (torch.rand(track.mask.shape, device=track.mask.device) >= share)
    kept = torch.where(kept.any(dim=1, keepdim=True), kept, _first(track.mask))
    order = torch.argsort((~kept).int(), dim=1, stable=True)
    # A GPU would have to be waited for, to learn how much padding there is.
    longest = kept.shape[1] if kept.device.type == "cuda" else max(1, int(kept.sum(dim=1).max()))
    rows = torch.arange(len(order), device=order.device)[:, None]
    return Padded(track.values[rows, order[:, :longest]], kept.gather(1, order)[:, :longest])


def without_span(track: Padded, share: float) -> Padded:
    """A stretch of at most `share` of each track set to the mean of the training split, 0."""
    hidden = _stretch(track.mask.sum(dim=1), share, track.mask.shape[1])
    return Padded(track.values.masked_fill(hidden[:, :, None, None], 0.0), track.mask)


def without_band(track: Padded, share: float) -> Padded:
    """At most `share` of the width of each track, side by side, set to the mean, 0."""
    batch, width = len(track.mask), track.values.shape[3]
    hidden = _stretch(torch.full((batch,), width, device=track.mask.device), share, width)
    return Padded(track.values.masked_fill(hidden[:, None, None, :], 0.0), track.mask)


class Mixture(NamedTuple):
    """Tracks of which a share is each utterance's own, and the rest that of `partner (B,)`."""

    tracks: Tracks
    partner: Tensor
    share: float


def mixed(tracks: Tracks, alpha: float) -> Mixture:
    """Utterances mixed in pairs, their share drawn from Beta(alpha, alpha) (Zhang et al. 2018).

    Where one of the two has no step, the other's counts with its share alone.
    """
    share = float(torch.distributions.Beta(alpha, alpha).sample())
    mask = next(iter(tracks.values())).mask
    partner = torch.randperm(len(mask), device=mask.device)
    mixtures = {}
    for name, track in tracks.items():
        values = zero_padding(track).values
        mixture = share * values + (1 - share) * values[partner]
        mixtures[name] = Padded(mixture, track.mask | track.mask[partner])
    return Mixture(mixtures, partner, share)


def _with_gaps(specs: Mapping[str, AugmentSpec], tracks: Tracks) -> Tracks:
    """Whole tracks left out, but never all that an utterance has."""
    dropped = {
        name: torch.rand(len(track.mask), device=track.mask.device)
        < (specs[name].missing if name in specs else 0.0)
        for name, track in tracks.items()
    }
    some_left = torch.stack([tracks[name].present & ~rows for name, rows in dropped.items()]).any(
        dim=0
    )
    return {
        name: Padded(track.values, track.mask & ~(dropped[name] & some_left)[:, None])
        for name, track in tracks.items()
    }


def _first(mask: Tensor) -> Tensor:
    """The first real step alone."""
    return mask & (mask.cumsum(dim=1) == 1)


def _stretch(lengths: Tensor, share: float, size: int) -> Tensor:
    """True within a random stretch of at most `share` of each length, `(B, size)`."""
    random = torch.rand(2, len(lengths), device=lengths.device)
    widths = (random[0] * (share * lengths + 1)).long().clamp_max(lengths)
    starts = (random[1] * (lengths - widths + 1)).long()
    places = torch.arange(size, device=lengths.device)
    return (places >= starts[:, None]) & (places < (starts + widths)[:, None])
