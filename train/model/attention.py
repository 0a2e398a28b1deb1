"""The attention block that temporal encoders and fusions are made of."""

from torch import nn

from train.data.masking import Padded, attend, zero_padding
from train.model.dropout import Dropout


class AttentionBlock(nn.Module):
    """Queries attend to a memory, then a layer of twice the width; both residual, norms first.

    A transformer block (Vaswani et al. 2017) with the normalisation in front (Xiong et al. 2020).
    An utterance without memory keeps its own steps.
    """

    def __init__(self, dim: int, heads: int, dropout: float) -> None:
        super().__init__()
        check_heads(dim, heads)
        self.query_norm, self.memory_norm = nn.LayerNorm(dim), nn.LayerNorm(dim)
        self.attention = nn.MultiheadAttention(dim, heads, dropout, batch_first=True)
        self.wide = nn.Sequential(
            nn.LayerNorm(dim), nn.Linear(dim, 2 * dim), nn.GELU(), Dropout(dropout),
            nn.Linear(2 * dim, dim),
        )  # fmt: skip
        self.dropout = Dropout(dropout)

    def forward(self, query: Padded, memory: Padded) -> Padded:
        """Steps of the query `(B, T, D)` after attending to those of the memory."""
        query, memory = zero_padding(query), zero_padding(memory)
        queries = zero_padding(Padded(self.query_norm(query.values), query.mask))
        keys = zero_padding(Padded(self.memory_norm(memory.values), memory.mask))
        values = query.values + self.dropout(attend(self.attention, queries, keys))
        return zero_padding(Padded(values + self.dropout(self.wide(values)), query.mask))


def check_heads(dim: int, heads: int) -> None:
    """Raise ValueError where the width cannot be shared out among attention heads."""
    if dim % heads:
        raise ValueError(f"dim is {dim}; it must be a multiple of heads, {heads}")
