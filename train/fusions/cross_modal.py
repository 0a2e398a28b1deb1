"""Cross-modal attention: the steps of each modality attend to those of every other one.

After MulT (Tsai et al. 2019), with one block per pair. What a modality gathers from the others
is added to its own steps; a missing modality is attended to by none.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from train.masking import Padded, attend, zero_padding

RANGES = {"heads": (1, None)}


class Fusion(nn.Module):
    """Modalities that have attended to each other, pooled and concatenated: `(B, out_dim)`."""

    def __init__(
        self,
        modalities: Sequence[str],
        dim: int,
        dropout: float,
        pool: Callable[[], nn.Module],
        *,
        heads: int = 4,
    ) -> None:
        super().__init__()
        if dim % heads:
            raise ValueError(f"dim is {dim}; it must be a multiple of heads, {heads}")
        self.norms = nn.ModuleDict({name: nn.LayerNorm(dim) for name in modalities})
        self.attentions = nn.ModuleDict(
            {
                f"{query}-{memory}": nn.MultiheadAttention(dim, heads, dropout, batch_first=True)
                for query in modalities
                for memory in modalities
                if query != memory
            }
        )
        self.dropout = nn.Dropout(dropout)
        self.pools = nn.ModuleDict({name: pool() for name in modalities})
        widths: list[Any] = [part.out_dim for part in self.pools.values()]
        self.out_dim = int(sum(widths))

    def forward(self, tracks: Mapping[str, Padded]) -> Tensor:
        clean = {name: zero_padding(tracks[name]) for name in self.norms}
        normed = {
            name: zero_padding(Padded(norm(clean[name].values), clean[name].mask))
            for name, norm in self.norms.items()
        }
        pooled = []
        for name, pool in self.pools.items():
            values = clean[name].values
            for memory in clean:
                if memory != name:
                    gathered = attend(
                        self.attentions[f"{name}-{memory}"],  # type: ignore[arg-type]
                        normed[name],
                        normed[memory],
                    )
                    values = values + self.dropout(gathered)
            pooled.append(pool(Padded(values, clean[name].mask)))
        return torch.cat(pooled, dim=1)
