"""What fusions of one vector per modality have in common."""

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn

from train.data.masking import Padded
from train.model.contracts import Pool, by_name
from train.model.dropout import Dropout


class Vectors(nn.Module):
    """Each modality pooled and brought to the width `dim`: `(B, M, dim)`, in the order given."""

    def __init__(self, modalities: Sequence[str], dim: int, dropout: float, pool: Pool) -> None:
        super().__init__()
        self.pools = by_name({name: pool(name) for name in modalities})
        self.projections = by_name(
            {
                name: nn.Sequential(Dropout(dropout), nn.Linear(pooling.out_dim, dim))
                for name, pooling in self.pools.items()
            }
        )

    def forward(self, tracks: Mapping[str, Padded]) -> Tensor:
        return torch.stack(
            [self.projections[name](pool(tracks[name])) for name, pool in self.pools.items()], dim=1
        )


def present(modalities: Sequence[str], tracks: Mapping[str, Padded]) -> Tensor:
    """Which modalities each utterance has, `(B, M)` bool."""
    return torch.stack([tracks[name].present for name in modalities], dim=1)
