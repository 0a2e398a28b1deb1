"""Multi-head attention pooling (Lin et al. 2017): learned weights over the steps."""

from torch import Tensor, nn

from train.data.masking import Padded, masked_softmax, zero_padding
from train.model.attention import check_heads

RANGES = {"heads": (1, None), "hidden": (1, None)}


class Pooling(nn.Module):
    """Weighted sums over real steps: `(B, T, D)` to `(B, D)`.

    Each head weighs the steps for its own `D / heads` of the values. `hidden` is the width of
    the scoring network.
    """

    def __init__(self, dim: int, *, heads: int = 4, hidden: int = 128) -> None:
        super().__init__()
        check_heads(dim, heads)
        self.out_dim = dim
        self.heads = heads
        self.score = nn.Sequential(nn.Linear(dim, hidden), nn.Tanh(), nn.Linear(hidden, heads))

    def forward(self, track: Padded) -> Tensor:
        clean = zero_padding(track)
        weights = self._by_head(clean)
        batch, steps, dim = clean.values.shape
        slices = clean.values.reshape(batch, steps, self.heads, dim // self.heads)
        return (weights[..., None] * slices).sum(dim=1).reshape(batch, dim)

    def weights(self, track: Padded) -> Tensor:
        """The learned weight of each step, the mean over heads, `(B, T)`."""
        return self._by_head(zero_padding(track)).mean(dim=2)

    def _by_head(self, clean: Padded) -> Tensor:
        """`(B, T, heads)`."""
        return masked_softmax(self.score(clean.values), clean.mask)
