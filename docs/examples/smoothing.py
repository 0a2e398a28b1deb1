"""Smoothing: every step becomes the mean of itself and its neighbours, learned how much."""

import torch
from torch import nn

from train.data.masking import Padded, zero_padding

RANGES = {"width": (1, 101)}


class Temporal(nn.Module):
    """`(B, T, D)` to `(B, T, D)`; steps beyond the ends of a track count for nothing."""

    def __init__(self, dim: int, dropout: float, *, width: int = 5) -> None:
        super().__init__()
        self.width = width
        self.share = nn.Parameter(torch.zeros(dim))

    def forward(self, track: Padded) -> Padded:
        clean = zero_padding(track)
        counts = self._sums(clean.mask[..., None].to(clean.values.dtype)).clamp_min(1)
        smooth = self._sums(clean.values) / counts
        share = self.share.sigmoid()
        return zero_padding(Padded(share * smooth + (1 - share) * clean.values, clean.mask))

    def _sums(self, values: torch.Tensor) -> torch.Tensor:
        """Sums over `width` neighbouring steps."""
        before = self.width // 2
        padded = nn.functional.pad(values, (0, 0, before, self.width - 1 - before))
        return padded.unfold(1, self.width, 1).sum(dim=-1)
