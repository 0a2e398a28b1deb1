"""The recurrent network that temporal encoders and dialogues are made of."""

from typing import Literal

import torch
from torch import nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from train.data.masking import Padded, zero_padding
from train.model.dropout import Dropout

Cell = Literal["gru", "lstm"]


class Recurrent(nn.Module):
    """`(B, T, D)` to `(B, T, D)`: what is read, in both directions or in one, added to the steps.

    GRU after Cho et al. (2014), LSTM after Hochreiter and Schmidhuber (1997).
    """

    def __init__(
        self, dim: int, dropout: float, cell: Cell, layers: int, both_directions: bool = True
    ) -> None:
        super().__init__()
        kind = nn.GRU if cell == "gru" else nn.LSTM
        self.recurrent = kind(
            dim, dim, layers, batch_first=True, bidirectional=both_directions,
            dropout=dropout if layers > 1 else 0.0,
        )  # fmt: skip
        width = 2 * dim if both_directions else dim
        self.project = nn.Sequential(nn.Linear(width, dim), Dropout(dropout))

    def forward(self, track: Padded) -> Padded:
        """The steps of every track, each with what was read up to it."""
        clean = zero_padding(track)
        # A track without steps is read as one of zeros, and hidden again.
        lengths = clean.mask.sum(dim=1).clamp_min(1).cpu()
        # Always in float32: under autocast cuDNN would read in float16, even under bfloat16.
        with torch.autocast(clean.values.device.type, enabled=False):
            packed = pack_padded_sequence(
                clean.values.float(), lengths, batch_first=True, enforce_sorted=False
            )
            read, _ = pad_packed_sequence(
                self.recurrent(packed)[0], batch_first=True, total_length=clean.mask.shape[1]
            )
        return zero_padding(Padded(clean.values + self.project(read), clean.mask))
