"""Utterances of a dialogue attend to each other, aware of distance and speaker.

A transformer (Vaswani et al. 2017) whose scores learn the distance of two utterances (Raffel et al.
2020, here up to a reach) and whether one person says both, as DialogXL (Shen et al. 2021) gives
heads to the same speaker and to others.
"""

import math
from typing import Literal

import torch
from torch import Tensor, nn

from train.data.masking import Padded, weighted_by_pairs, zero_padding
from train.model.attention import check_heads
from train.model.dropout import Dropout

RANGES = {"layers": (1, 16), "heads": (1, None), "reach": (1, 1000)}


class Dialogue(nn.Module):
    """`(N, U, D)` to `(N, U, D)`.

    `causal`: an utterance attends to itself and earlier ones alone. All
    turns further away than `reach` are equally far. With `speakers` the scores depend on whether
    the speaker is the same.
    """

    def __init__(
        self,
        dim: int,
        dropout: float,
        *,
        layers: int = 1,
        heads: int = 4,
        reach: int = 8,
        causal: bool = False,
        speakers: Literal["none", "same-other"] = "none",
    ) -> None:
        super().__init__()
        self.causal = causal
        self.blocks = nn.ModuleList(
            _Block(dim, dropout, heads, reach, speakers == "same-other") for _ in range(layers)
        )

    def forward(self, turns: Padded, speakers: Tensor) -> Padded:
        """The turns of each dialogue in the context of the others."""
        places = torch.arange(turns.mask.shape[1], device=turns.mask.device)
        visible = turns.mask[:, None, :].expand(-1, len(places), -1)
        if self.causal:
            visible = visible & (places <= places[:, None])
        same = (speakers[:, :, None] == speakers[:, None, :]).long()
        clean = zero_padding(turns)
        for block in self.blocks:
            clean = block(clean, visible, same)
        return clean


class _Block(nn.Module):
    def __init__(self, dim: int, dropout: float, heads: int, reach: int, speakers: bool) -> None:
        super().__init__()
        check_heads(dim, heads)
        self.heads, self.reach = heads, reach
        self.norm = nn.LayerNorm(dim)
        self.queries, self.keys, self.values = (nn.Linear(dim, dim) for _ in range(3))
        self.distances = nn.Embedding(2 * reach + 1, heads)
        self.same = nn.Embedding(2, heads) if speakers else None
        self.out = nn.Linear(dim, dim)
        self.wide = nn.Sequential(
            nn.LayerNorm(dim), nn.Linear(dim, 2 * dim), nn.GELU(), Dropout(dropout),
            nn.Linear(2 * dim, dim),
        )  # fmt: skip
        self.dropout = Dropout(dropout)

    def forward(self, turns: Padded, visible: Tensor, same: Tensor) -> Padded:
        """`visible (N, U, U)`: which turns each may attend to; `same`: which have one speaker."""
        normed = self.norm(turns.values)
        queries, keys, values = (
            layer(normed).unflatten(2, (self.heads, -1))
            for layer in (self.queries, self.keys, self.values)
        )
        scores = torch.einsum("nqhd,nkhd->nqkh", queries, keys) / math.sqrt(keys.shape[3])
        places = torch.arange(scores.shape[1], device=scores.device)
        distances = (places[:, None] - places).clamp(-self.reach, self.reach) + self.reach
        scores = scores + self.distances(distances)
        if self.same is not None:
            scores = scores + self.same(same)
        context = weighted_by_pairs(scores, visible, values).flatten(2)
        values = turns.values + self.dropout(self.out(context))
        return zero_padding(Padded(values + self.dropout(self.wide(values)), turns.mask))
