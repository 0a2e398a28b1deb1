"""Dynamic fusion: one weight per modality, learned, and moved by what each utterance says."""

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn

from train.data.masking import Padded
from train.fusions._vectors import Vectors
from train.model.contracts import Pool

MIN_MODALITIES = 2


class Fusion(nn.Module):
    """The modalities times their weights, side by side: `(B, M * dim)`.

    The weights are a softmax over the modalities. At first they are equal for all utterances:
    learned numbers, to which a linear layer of the vectors adds.
    """

    def __init__(self, modalities: Sequence[str], dim: int, dropout: float, pool: Pool) -> None:
        super().__init__()
        self.vectors = Vectors(modalities, dim, dropout, pool)
        self.weights = nn.Parameter(torch.zeros(len(modalities)))
        self.moved = nn.Linear(len(modalities) * dim, len(modalities), bias=False)
        nn.init.zeros_(self.moved.weight)
        self.out_dim = len(modalities) * dim

    def forward(self, tracks: Mapping[str, Padded]) -> Tensor:
        vectors = self.vectors(tracks)
        weights = (self.weights + self.moved(vectors.flatten(1))).softmax(dim=1)
        fused: Tensor = (len(self.weights) * weights[..., None] * vectors).flatten(1)
        return fused
