"""Attentive statistics pooling: weighted mean and standard deviation (Okabe et al. 2018).

With several queries each has its own weights for all channels, as in multi-head variants of it.
"""

import torch
from torch import Tensor, nn

from train.data.masking import Padded, masked_mean, masked_softmax, zero_padding

RANGES = {"queries": (1, 64), "hidden": (1, None)}
# Keeps the root finite where all weight is on one step.
FLOOR = 1e-5


class Pooling(nn.Module):
    """`(B, T, D)` to `(B, 2 D queries)`: of every query the mean, then the deviation.

    `hidden` is the width of the scoring network.
    """

    def __init__(self, dim: int, *, queries: int = 1, hidden: int = 128) -> None:
        super().__init__()
        self.out_dim = 2 * dim * queries
        self.score = nn.Sequential(nn.Linear(dim, hidden), nn.Tanh(), nn.Linear(hidden, queries))

    def forward(self, track: Padded) -> Tensor:
        clean = zero_padding(track)
        weights = self._by_query(clean)
        # In float32 and from the plain mean on: the squares of bfloat16 would cancel each other.
        with torch.autocast(clean.values.device.type, enabled=False):
            values, weights = clean.values.float(), weights.float()
            centre = masked_mean(Padded(values, clean.mask))[:, None]
            centred = values - centre
            means = torch.einsum("btq,btd->bqd", weights, centred)
            squares = torch.einsum("btq,btd->bqd", weights, centred.square())
            deviations = ((squares - means.square()).clamp_min(0) + FLOOR).sqrt()
            means = means + centre * clean.present[:, None, None]
        return torch.cat([means.flatten(1), deviations.flatten(1)], dim=1)

    def weights(self, track: Padded) -> Tensor:
        """The learned weight of each step, the mean over queries, `(B, T)`."""
        return self._by_query(zero_padding(track)).mean(dim=2)

    def _by_query(self, clean: Padded) -> Tensor:
        """`(B, T, queries)`."""
        return masked_softmax(self.score(clean.values), clean.mask)
