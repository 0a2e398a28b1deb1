"""A recurrent network that reads each track in both directions: BiGRU or BiLSTM."""

from typing import Literal

from train.model.recurrent import Recurrent

RANGES = {"layers": (1, 8)}


class Temporal(Recurrent):
    """`(B, T, D)` to `(B, T, D)`: both directions, projected and added to the steps."""

    def __init__(
        self, dim: int, dropout: float, *, cell: Literal["gru", "lstm"] = "gru", layers: int = 1
    ) -> None:
        super().__init__(dim, dropout, cell, layers)
