"""Statistics pooling: mean and standard deviation (Snyder et al. 2018)."""

import torch
from torch import Tensor, nn

from train.data.masking import Padded, equal_weights, masked_mean, masked_std, zero_padding


class Pooling(nn.Module):
    """Mean and standard deviation over real steps: `(B, T, D)` to `(B, 2 D)`."""

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.out_dim = 2 * dim

    def forward(self, track: Padded) -> Tensor:
        clean = zero_padding(track)
        return torch.cat([masked_mean(clean), masked_std(clean)], dim=1)

    def weights(self, track: Padded) -> Tensor:
        """The same for every real step, `(B, T)`."""
        return equal_weights(track.mask)
