"""Max pooling."""

from torch import Tensor, nn

from train.data.masking import Padded, masked_max, share_of_greatest


class Pooling(nn.Module):
    """The greatest value over real steps: `(B, T, D)` to `(B, D)`."""

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.out_dim = dim

    def forward(self, track: Padded) -> Tensor:
        return masked_max(track)

    def weights(self, track: Padded) -> Tensor:
        """In what share of the width a step has the greatest value, `(B, T)`."""
        return share_of_greatest(track)
