"""Low-rank fusion: tensor fusion with a factored weight (LMF, Liu et al. 2018)."""

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn

from train.data.masking import Padded
from train.fusions._vectors import Vectors
from train.fusions.tensor import with_one
from train.model.contracts import Pool

RANGES = {"rank": (1, 256)}
MIN_MODALITIES = 2


class Fusion(nn.Module):
    """What a linear layer over the outer product would give, never building it: `(B, dim)`."""

    def __init__(
        self, modalities: Sequence[str], dim: int, dropout: float, pool: Pool, *, rank: int = 4
    ) -> None:
        super().__init__()
        self.vectors = Vectors(modalities, dim, dropout, pool)
        factors = torch.empty(len(modalities), rank, dim + 1, dim)
        for factor in factors.flatten(0, 1):
            nn.init.xavier_normal_(factor)
        self.factors = nn.Parameter(factors)
        self.weights = nn.Parameter(torch.full((rank,), rank**-0.5))
        self.bias = nn.Parameter(torch.zeros(dim))
        self.out_dim = dim

    def forward(self, tracks: Mapping[str, Padded]) -> Tensor:
        vectors = with_one(self.vectors(tracks))
        # (B, M, rank, dim); the product over the modalities, the weighted sum over the ranks.
        parts = torch.einsum("bmi,mrio->bmro", vectors, self.factors)
        fused: Tensor = torch.einsum("bro,r->bo", parts.prod(dim=1), self.weights)
        return fused + self.bias
