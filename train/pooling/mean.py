"""Mean pooling."""

from torch import Tensor, nn

from train.data.masking import Padded, equal_weights, masked_mean


class Pooling(nn.Module):
    """The mean over real steps: `(B, T, D)` to `(B, D)`."""

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.out_dim = dim

    def forward(self, track: Padded) -> Tensor:
        return masked_mean(track)

    def weights(self, track: Padded) -> Tensor:
        """The same for every real step, `(B, T)`."""
        return equal_weights(track.mask)
