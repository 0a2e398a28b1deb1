"""The turn before: each utterance gets the one that was said before it."""

import torch
from torch import nn

from train.data.masking import Padded, zero_padding


class Dialogue(nn.Module):
    """`(N, U, H)` to `(N, U, H)`; no utterance depends on a later one."""

    def __init__(self, dim: int, dropout: float) -> None:
        super().__init__()
        self.project = nn.Sequential(nn.Linear(dim, dim), nn.Dropout(dropout))

    def forward(self, turns: Padded, speakers: torch.Tensor) -> Padded:
        clean = zero_padding(turns)
        before = nn.functional.pad(clean.values, (0, 0, 1, 0))[:, :-1]
        return zero_padding(Padded(clean.values + self.project(before), clean.mask))
