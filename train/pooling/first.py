"""The first step alone, such as the token [CLS] of a track with special tokens."""

from torch import Tensor, nn

from train.data.masking import Padded, first_step


class Pooling(nn.Module):
    """The first real step: `(B, T, D)` to `(B, D)`."""

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.out_dim = dim

    def forward(self, track: Padded) -> Tensor:
        return first_step(track)

    def weights(self, track: Padded) -> Tensor:
        """1 for the first real step, `(B, T)`."""
        return (track.mask & (track.mask.cumsum(dim=1) == 1)).float()
