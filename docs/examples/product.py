"""Product fusion: modalities agree where the product of their vectors is large."""

from collections.abc import Mapping, Sequence

from torch import Tensor, nn

from train.data.masking import Padded
from train.fusions._vectors import Vectors
from train.model.contracts import Pool

MIN_MODALITIES = 2


class Fusion(nn.Module):
    """The product of the pooled modalities, each brought to the width `dim`: `(B, dim)`."""

    def __init__(self, modalities: Sequence[str], dim: int, dropout: float, pool: Pool) -> None:
        super().__init__()
        self.vectors = Vectors(modalities, dim, dropout, pool)
        self.out_dim = dim

    def forward(self, tracks: Mapping[str, Padded]) -> Tensor:
        vectors: Tensor = self.vectors(tracks)
        return vectors.prod(dim=1)
