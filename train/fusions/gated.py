"""Gated fusion: for every number of the result, gates decide how much each modality says.

The gated multimodal unit of Arevalo et al. (2017), with gates that sum to 1.
"""

from collections.abc import Mapping, Sequence

from torch import Tensor, nn

from train.data.masking import Padded
from train.fusions._vectors import Vectors
from train.model.contracts import Pool

MIN_MODALITIES = 2


class Fusion(nn.Module):
    """A weighted sum of the modalities, the weights a softmax over them: `(B, dim)`."""

    def __init__(self, modalities: Sequence[str], dim: int, dropout: float, pool: Pool) -> None:
        super().__init__()
        self.vectors = Vectors(modalities, dim, dropout, pool)
        self.gates = nn.Linear(len(modalities) * dim, len(modalities) * dim)
        self.out_dim = dim

    def forward(self, tracks: Mapping[str, Padded]) -> Tensor:
        vectors = self.vectors(tracks)
        weights = self.gates(vectors.flatten(1)).view_as(vectors).softmax(dim=1)
        fused: Tensor = (weights * vectors.tanh()).sum(dim=1)
        return fused
