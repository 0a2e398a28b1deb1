"""Transformer encoder: every step attends to all steps of its track (Vaswani et al. 2017)."""

import math

import torch
from torch import Tensor, nn

from train.data.masking import Padded, zero_padding
from train.model.attention import AttentionBlock

RANGES = {"layers": (1, 16), "heads": (1, None)}


class Temporal(nn.Module):
    """`(B, T, D)` to `(B, T, D)`; sinusoidal positions are added before the first layer."""

    def __init__(self, dim: int, dropout: float, *, layers: int = 2, heads: int = 4) -> None:
        super().__init__()
        self.blocks = nn.ModuleList(AttentionBlock(dim, heads, dropout) for _ in range(layers))
        self.norm = nn.LayerNorm(dim)

    def forward(self, track: Padded) -> Padded:
        clean = zero_padding(track)
        track = zero_padding(Padded(clean.values + positions(clean.values), clean.mask))
        for block in self.blocks:
            track = block(track, track)
        return zero_padding(Padded(self.norm(track.values), track.mask))


def positions(values: Tensor) -> Tensor:
    """Sines and cosines of the step number at wavelengths from 2π to 10,000 · 2π, `(T, D)`."""
    steps, dim = values.shape[1:]
    half = -(-dim // 2)
    rates = torch.exp(torch.arange(half, device=values.device) * (-math.log(10_000.0) / half))
    angles = torch.arange(steps, device=values.device)[:, None] * rates
    return torch.cat([angles.sin(), angles.cos()], dim=1)[:, :dim]
