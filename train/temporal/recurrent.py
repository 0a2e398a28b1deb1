"""A recurrent network that reads each track in both directions: BiGRU or BiLSTM."""

from typing import Literal

from torch import nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from train.masking import Padded, zero_padding

RANGES = {"layers": (1, 8)}


class Temporal(nn.Module):
    """`(B, T, D)` to `(B, T, D)`: both directions, projected and added to the steps.

    GRU after Cho et al. (2014), LSTM after Hochreiter and Schmidhuber (1997).
    """

    def __init__(
        self, dim: int, dropout: float, *, cell: Literal["gru", "lstm"] = "gru", layers: int = 1
    ) -> None:
        super().__init__()
        kind = nn.GRU if cell == "gru" else nn.LSTM
        self.recurrent = kind(
            dim, dim, layers, batch_first=True, bidirectional=True,
            dropout=dropout if layers > 1 else 0.0,
        )  # fmt: skip
        self.project = nn.Sequential(nn.Linear(2 * dim, dim), nn.Dropout(dropout))

    def forward(self, track: Padded) -> Padded:
        clean = zero_padding(track)
        # A track without steps is read as one of zeros, and hidden again.
        lengths = clean.mask.sum(dim=1).clamp_min(1).cpu()
        packed = pack_padded_sequence(clean.values, lengths, batch_first=True, enforce_sorted=False)
        read, _ = pad_packed_sequence(
            self.recurrent(packed)[0], batch_first=True, total_length=clean.mask.shape[1]
        )
        return zero_padding(Padded(clean.values + self.project(read), clean.mask))
