"""Power mean: between mean and maximum, with a learned exponent (Radenović et al. 2018)."""

import torch
from torch import Tensor, nn

from train.data.masking import Padded, masked_mean, zero_padding

RANGES = {"exponent": (1, 10)}


class Pooling(nn.Module):
    """`(B, T, D)` to `(B, D)`; the absolute values of the steps are raised to the exponent."""

    def __init__(self, dim: int, *, exponent: float = 3.0) -> None:
        super().__init__()
        self.exponent = nn.Parameter(torch.tensor(exponent))
        self.out_dim = dim

    def forward(self, track: Padded) -> Tensor:
        clean = zero_padding(track)
        raised = clean.values.abs().clamp_min(1e-4) ** self.exponent
        mean = masked_mean(Padded(raised, clean.mask))
        return mean.clamp_min(1e-12) ** (1 / self.exponent)
