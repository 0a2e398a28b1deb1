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
        mean = masked_mean(self._raised(track))
        return mean.clamp_min(1e-12) ** (1 / self.exponent)

    def weights(self, track: Padded) -> Tensor:
        """The share of each step in the sum of the raised values, `(B, T)`."""
        raised = zero_padding(self._raised(track)).values
        total = raised.sum(dim=1, keepdim=True).clamp_min(1e-12)
        return (raised / total).mean(dim=2)

    def _raised(self, track: Padded) -> Padded:
        values = zero_padding(track).values.abs().clamp_min(1e-4)
        return Padded(values**self.exponent, track.mask)
