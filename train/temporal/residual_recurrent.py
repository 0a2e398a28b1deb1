"""Residual recurrent layers, then self-attention over what they read.

After ResLSTM-SA for emotion in speech (Mak-Sim/ResLSTM-SER on GitHub): layers in both directions,
each added to what it reads, and one block of attention in which every step looks at all of its
track.
"""

from typing import Literal

from torch import nn

from train.data.masking import Padded, masked_strides, zero_padding
from train.model.attention import AttentionBlock
from train.model.recurrent import Recurrent

RANGES = {"layers": (1, 8), "heads": (1, None), "stride": (1, 10000)}


class Temporal(nn.Module):
    """`(B, T, D)` to `(B, ceil(T / stride), D)`; the means of every `stride` steps go in."""

    def __init__(
        self,
        dim: int,
        dropout: float,
        *,
        cell: Literal["gru", "lstm"] = "lstm",
        layers: int = 2,
        heads: int = 4,
        stride: int = 1,
    ) -> None:
        super().__init__()
        self.stride = stride
        self.layers = nn.ModuleList(Recurrent(dim, dropout, cell, 1) for _ in range(layers))
        self.norms = nn.ModuleList(nn.LayerNorm(dim) for _ in range(layers))
        self.attention = AttentionBlock(dim, heads, dropout)

    def forward(self, track: Padded) -> Padded:
        if self.stride > 1:
            track = masked_strides(track, self.stride)
        for layer, norm in zip(self.layers, self.norms, strict=True):
            read = layer(track)
            track = zero_padding(Padded(norm(read.values), read.mask))
        return zero_padding(self.attention(track, track))
