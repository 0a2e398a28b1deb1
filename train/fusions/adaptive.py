"""Adaptive fusion: the modalities that are not missing share the weight."""

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn

from train.data.masking import Padded, masked_softmax
from train.fusions._vectors import Vectors, present
from train.model.contracts import Pool

MIN_MODALITIES = 2


class Fusion(nn.Module):
    """A weighted sum over the modalities that an utterance has: `(B, dim)`.

    Each is scored on its own, and the weights are a softmax over those that are not missing. A
    missing one counts for nothing; an utterance without any gives a learned vector.
    """

    def __init__(self, modalities: Sequence[str], dim: int, dropout: float, pool: Pool) -> None:
        super().__init__()
        self.modalities = list(modalities)
        self.vectors = Vectors(modalities, dim, dropout, pool)
        self.scores = nn.ModuleDict({name: nn.Linear(dim, 1) for name in modalities})
        self.nothing = nn.Parameter(torch.zeros(dim))
        self.out_dim = dim

    def forward(self, tracks: Mapping[str, Padded]) -> Tensor:
        vectors, is_present = self.vectors(tracks), present(self.modalities, tracks)
        scores = [self.scores[name](vectors[:, n]) for n, name in enumerate(self.modalities)]
        weights = masked_softmax(torch.stack(scores, dim=1), is_present)
        fused = (weights * vectors).sum(dim=1)
        return torch.where(is_present.any(dim=1)[:, None], fused, self.nothing)
