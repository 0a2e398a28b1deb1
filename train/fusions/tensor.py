"""Tensor fusion: every product of numbers of different modalities (TFN, Zadeh et al. 2017)."""

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn

from train.data.masking import Padded
from train.fusions._vectors import Vectors
from train.model.contracts import Pool

RANGES = {"width": (1, 64)}
MIN_MODALITIES = 2


class Fusion(nn.Module):
    """The outer product of `[1, modality]` over all modalities: `(B, (width + 1) ** M)`.

    Each modality is brought to `width` numbers before.
    """

    def __init__(
        self, modalities: Sequence[str], dim: int, dropout: float, pool: Pool, *, width: int = 16
    ) -> None:
        super().__init__()
        self.vectors = Vectors(modalities, width, dropout, pool)
        self.out_dim = (width + 1) ** len(modalities)

    def forward(self, tracks: Mapping[str, Padded]) -> Tensor:
        vectors = with_one(self.vectors(tracks))
        product = vectors[:, 0]
        for other in vectors.unbind(dim=1)[1:]:
            product = (product[:, :, None] * other[:, None]).flatten(1)
        return product


def with_one(vectors: Tensor) -> Tensor:
    """`[1, x]` for every vector: `(..., D)` to `(..., D + 1)`."""
    return torch.cat([torch.ones_like(vectors[..., :1]), vectors], dim=-1)
