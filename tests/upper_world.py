"""Upper layers as a backbone brings them, made of torch alone."""

import torch
from torch import Tensor, nn

from train.data.masking import Padded, attend, zero_padding


class Layer(nn.Module):
    """Self-attention of one head, whose query and value are layers of their own."""

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.query, self.value = nn.Linear(dim, dim), nn.Linear(dim, dim)
        self.attention = nn.MultiheadAttention(dim, 1, batch_first=True)
        self.norm = nn.LayerNorm(dim)

    def forward(self, values: Tensor, mask: Tensor) -> Tensor:
        queries = zero_padding(Padded(self.query(values), mask))
        memory = zero_padding(Padded(self.value(values), mask))
        return self.norm(values + attend(self.attention, queries, memory))


class TinyUpper(nn.Module):
    """Two layers, of random weights."""

    def __init__(self, dim: int, max_steps: int = 64) -> None:
        super().__init__()
        self.dim, self.max_steps = dim, max_steps
        self.layers = nn.ModuleList(Layer(dim) for _ in range(2))

    def forward(self, values: Tensor, mask: Tensor) -> Tensor:
        for layer in self.layers:
            values = layer(values, mask)
        return values


def tiny_upper(dim: int, seed: int = 0) -> TinyUpper:
    """The same weights for the same seed; what else is random goes on as before."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return TinyUpper(dim)
