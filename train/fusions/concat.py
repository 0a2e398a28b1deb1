"""Concatenation: each modality is pooled on its own, the vectors side by side."""

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from train.data.masking import Padded
from train.fusions._vectors import Pool


class Fusion(nn.Module):
    """Pooled modalities, concatenated in the order given: `(B, out_dim)`."""

    def __init__(self, modalities: Sequence[str], dim: int, dropout: float, pool: Pool) -> None:
        super().__init__()
        self.pools = nn.ModuleDict({name: pool(name) for name in modalities})
        widths: list[Any] = [part.out_dim for part in self.pools.values()]
        self.out_dim = int(sum(widths))

    def forward(self, tracks: Mapping[str, Padded]) -> Tensor:
        return torch.cat([pool(tracks[name]) for name, pool in self.pools.items()], dim=1)
