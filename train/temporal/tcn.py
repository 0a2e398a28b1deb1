"""Temporal convolutional network: residual blocks of dilated convolutions (Bai et al. 2018).

Each block doubles the dilation. Padding is set to zero before every convolution, so steps near
the end of a track see the same zeros in any batch. Normalisation is over channels, never over
steps.
"""

from torch import nn

from train.data.masking import Padded, masked_strides, zero_padding
from train.model.dropout import Dropout

RANGES = {"layers": (1, 16), "kernel": (1, 64), "stride": (1, 10000)}


class Temporal(nn.Module):
    """`(B, T, D)` to `(B, ceil(T / stride), D)`.

    The means of every `stride` steps go in; each of them sees `1 + (kernel - 1) *
    (2 ** layers - 1)` of its kind.
    """

    def __init__(
        self, dim: int, dropout: float, *, layers: int = 4, kernel: int = 3, stride: int = 1
    ) -> None:
        super().__init__()
        self.stride = stride
        self.blocks = nn.ModuleList(_Block(dim, dropout, kernel, 2**n) for n in range(layers))

    def forward(self, track: Padded) -> Padded:
        if self.stride > 1:
            track = masked_strides(track, self.stride)
        for block in self.blocks:
            track = block(track)
        return track


class _Block(nn.Module):
    def __init__(self, dim: int, dropout: float, kernel: int, dilation: int) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(dim)
        self.convolution = nn.Conv1d(dim, 2 * dim, kernel, dilation=dilation, padding="same")
        self.gate = nn.GLU(dim=1)
        self.dropout = Dropout(dropout)

    def forward(self, track: Padded) -> Padded:
        clean = zero_padding(track)
        inner = zero_padding(Padded(self.norm(clean.values), clean.mask))
        change = self.gate(self.convolution(inner.values.transpose(1, 2))).transpose(1, 2)
        return zero_padding(Padded(clean.values + self.dropout(change), clean.mask))
