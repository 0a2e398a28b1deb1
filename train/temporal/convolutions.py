"""Blocks of 1-D convolution, each followed by the maximum of neighbouring steps.

Padding is set to zero before every convolution and left out of every maximum. Normalisation is
over channels where common networks of this kind use batch statistics: those would depend on the
batch neighbours and their padding.
"""

import torch
from torch import nn

from train.data.masking import Padded, zero_padding
from train.model.dropout import Dropout

RANGES = {"blocks": (1, 12), "kernel": (1, 64), "pool": (1, 64)}


class Temporal(nn.Module):
    """`(B, T, D)` to `(B, ceil(T / pool ** blocks), D)`."""

    def __init__(
        self, dim: int, dropout: float, *, blocks: int = 4, kernel: int = 3, pool: int = 2
    ) -> None:
        super().__init__()
        self.stride = pool**blocks
        self.blocks = nn.ModuleList(_Block(dim, dropout, kernel, pool) for _ in range(blocks))

    def forward(self, track: Padded) -> Padded:
        for block in self.blocks:
            track = block(track)
        return track


class _Block(nn.Module):
    def __init__(self, dim: int, dropout: float, kernel: int, pool: int) -> None:
        super().__init__()
        self.pool = pool
        self.convolution = nn.Conv1d(dim, dim, kernel, padding="same")
        self.after = nn.Sequential(nn.LayerNorm(dim), nn.GELU(), Dropout(dropout))

    def forward(self, track: Padded) -> Padded:
        clean = zero_padding(track)
        convolved = self.convolution(clean.values.transpose(1, 2)).transpose(1, 2)
        return masked_pool(Padded(clean.values + self.after(convolved), clean.mask), self.pool)


def masked_pool(track: Padded, pool: int) -> Padded:
    """The maxima of every `pool` steps: `(B, ceil(T / pool), D)`; padding counts for nothing."""
    lowest = torch.finfo(track.values.dtype).min
    missing = -track.mask.shape[1] % pool
    hidden = track.values.masked_fill(~track.mask[..., None], lowest)
    values = nn.functional.pad(hidden, (0, 0, 0, missing), value=lowest)
    mask = nn.functional.pad(track.mask, (0, missing)).unflatten(1, (-1, pool)).any(dim=2)
    return zero_padding(Padded(values.unflatten(1, (-1, pool)).amax(dim=2), mask))
