"""Several poolings side by side: attention, mean, standard deviation and maximum."""

import torch
from torch import Tensor, nn

from train.data.masking import (
    Padded,
    equal_weights,
    masked_max,
    masked_mean,
    masked_std,
    share_of_greatest,
    zero_padding,
)
from train.pooling.attention import Pooling as Attention

RANGES = {"heads": (1, None), "hidden": (1, None)}


class Pooling(nn.Module):
    """`(B, T, D)` to `(B, 4 D)`; `heads` and `hidden` are those of the attention."""

    def __init__(self, dim: int, *, heads: int = 4, hidden: int = 128) -> None:
        super().__init__()
        self.attention = Attention(dim, heads=heads, hidden=hidden)
        self.out_dim = 4 * dim

    def forward(self, track: Padded) -> Tensor:
        clean = zero_padding(track)
        parts = [self.attention(clean), masked_mean(clean), masked_std(clean), masked_max(clean)]
        return torch.cat(parts, dim=1)

    def weights(self, track: Padded) -> Tensor:
        """The mean of the weights of the four, `(B, T)`."""
        equal, greatest = equal_weights(track.mask), share_of_greatest(track)
        return (self.attention.weights(track) + 2 * equal + greatest) / 4
