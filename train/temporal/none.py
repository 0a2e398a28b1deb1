"""No temporal encoder: every step stays as it is."""

from torch import nn

from train.data.masking import Padded


class Temporal(nn.Module):
    """The identity."""

    def __init__(self, dim: int, dropout: float) -> None:
        super().__init__()

    def forward(self, track: Padded) -> Padded:
        return track
