"""Adapter: a narrow residual layer on each step bends a frozen track (Houlsby et al. 2019)."""

from torch import nn

from train.data.masking import Padded, zero_padding
from train.model.dropout import Dropout

RANGES = {"width": (1, None)}


class Temporal(nn.Module):
    """`(B, T, D)` to `(B, T, D)`; steps do not see each other. At first it changes nothing."""

    def __init__(self, dim: int, dropout: float, *, width: int = 32) -> None:
        super().__init__()
        self.narrow = nn.Sequential(
            nn.LayerNorm(dim), nn.Linear(dim, width), nn.GELU(), Dropout(dropout)
        )
        self.widen = nn.Linear(width, dim)
        nn.init.zeros_(self.widen.weight)
        nn.init.zeros_(self.widen.bias)

    def forward(self, track: Padded) -> Padded:
        clean = zero_padding(track)
        change = self.widen(self.narrow(clean.values))
        return zero_padding(Padded(clean.values + change, clean.mask))
