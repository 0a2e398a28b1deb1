"""Dilated convolutions with squeeze and excitation, as in ECAPA-TDNN (Desplanques et al. 2020).

Each block widens what a step sees (dilations 2, 3, 4, ...), convolves groups of channels one after
another (Res2Net, Gao et al. 2019), and scales its channels by what the whole track says of them
(Hu et al. 2018). The steps that come out are made of those of all blocks. Normalisation is over
channels where the original takes statistics of the batch.
"""

import torch
from torch import Tensor, nn

from train.data.masking import Padded, masked_mean, masked_strides, zero_padding
from train.model.dropout import Dropout

RANGES = {"layers": (1, 8), "kernel": (1, 64), "groups": (1, None), "stride": (1, 10000)}
# The bottleneck of squeeze and excitation is so many times narrower.
NARROWING = 4


class Temporal(nn.Module):
    """`(B, T, D)` to `(B, ceil(T / stride), D)`; the means of every `stride` steps go in.

    `dim` must be a multiple of `groups`.
    """

    def __init__(
        self,
        dim: int,
        dropout: float,
        *,
        layers: int = 3,
        kernel: int = 3,
        groups: int = 4,
        stride: int = 1,
    ) -> None:
        super().__init__()
        if dim % groups:
            raise ValueError(f"dim is {dim}; it must be a multiple of groups, {groups}")
        self.stride = stride
        self.blocks = nn.ModuleList(
            _Block(dim, dropout, kernel, dilation, groups) for dilation in range(2, layers + 2)
        )
        self.join = nn.Sequential(nn.Linear(layers * dim, dim), nn.LayerNorm(dim), nn.GELU())

    def forward(self, track: Padded) -> Padded:
        track = zero_padding(masked_strides(track, self.stride) if self.stride > 1 else track)
        outputs = []
        for block in self.blocks:
            track = block(track)
            outputs.append(track.values)
        joined = track.values + self.join(torch.cat(outputs, dim=2))
        return zero_padding(Padded(joined, track.mask))


class _Block(nn.Module):
    def __init__(self, dim: int, dropout: float, kernel: int, dilation: int, groups: int) -> None:
        super().__init__()
        width = dim // groups
        self.into = nn.Sequential(nn.LayerNorm(dim), nn.Linear(dim, dim), nn.GELU())
        self.convolutions = nn.ModuleList(
            nn.Conv1d(width, width, kernel, dilation=dilation, padding="same")
            for _ in range(max(1, groups - 1))
        )
        self.out = nn.Sequential(nn.LayerNorm(dim), nn.Linear(dim, dim))
        narrow = max(1, dim // NARROWING)
        self.excite = nn.Sequential(
            nn.Linear(dim, narrow), nn.GELU(), nn.Linear(narrow, dim), nn.Sigmoid()
        )
        self.dropout = Dropout(dropout)

    def forward(self, track: Padded) -> Padded:
        inner = zero_padding(Padded(self.into(track.values), track.mask)).values
        change = zero_padding(Padded(self.out(self._by_group(inner, track)), track.mask))
        scale = self.excite(masked_mean(change))[:, None]
        values = track.values + self.dropout(change.values * scale)
        return zero_padding(Padded(values, track.mask))

    def _by_group(self, values: Tensor, track: Padded) -> Tensor:
        """Each group of channels convolved with the one before it added; the last one as it is."""
        groups = list(values.split(self.convolutions[0].in_channels, dim=2))
        read = torch.zeros_like(groups[0])
        for number, convolution in enumerate(self.convolutions):
            entering = zero_padding(Padded(groups[number] + read, track.mask)).values
            read = nn.functional.gelu(convolution(entering.transpose(1, 2)).transpose(1, 2))
            groups[number] = read
        return torch.cat(groups, dim=2)
