"""Concatenation: each modality is pooled on its own, the vectors side by side."""

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn

from train.data.masking import Padded
from train.model.contracts import Pool, by_name


class Fusion(nn.Module):
    """Pooled modalities, concatenated in the order given: `(B, out_dim)`."""

    def __init__(self, modalities: Sequence[str], dim: int, dropout: float, pool: Pool) -> None:
        super().__init__()
        self.pools = by_name({name: pool(name) for name in modalities})
        self.out_dim = sum(pooling.out_dim for pooling in self.pools.values())

    def forward(self, tracks: Mapping[str, Padded]) -> Tensor:
        return torch.cat([pool(tracks[name]) for name, pool in self.pools.items()], dim=1)
