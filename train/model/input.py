"""The first layers of a head, for one modality."""

import torch
from torch import Tensor, nn

from features.specs.heads import HeadSpec
from train.data.masking import Padded, Steps, masked_bins, padded, zero_padding
from train.model.dropout import Dropout


class StoredStates(nn.Module):
    """The states of one layer as they are stored, for a network that continues from them."""

    bins = None
    mean: Tensor
    std: Tensor

    def __init__(self, shape: tuple[int, int]) -> None:
        super().__init__()
        self.register_buffer("mean", torch.zeros(shape), persistent=False)
        self.register_buffer("std", torch.ones(shape), persistent=False)

    def take_moments(self, mean: Tensor, std: Tensor) -> None:
        """It needs none."""

    def standardised(self, track: Steps) -> Padded:
        """`(B, T, 1, D)`, padded or not, to the same; what is in the padding is zero."""
        return zero_padding(padded(track))

    def forward(self, track: Steps) -> Padded:
        """`(B, T, 1, D)` to `(B, T, D)`."""
        track = padded(track)
        return Padded(track.values[:, :, 0], track.mask)


class Input(nn.Module):
    """Steps in standard deviations, reduced to bins, their layers weighted, projected to `dim`.

    Mean and standard deviation come from the training split. Where a store holds several
    layers, their weights are learned (a softmax, at first all equal).
    """

    mean: Tensor
    std: Tensor

    def __init__(self, spec: HeadSpec, modality: str, shape: tuple[int, int]) -> None:
        super().__init__()
        num_layers, in_dim = shape
        self.bins = spec.bins.get(modality) if isinstance(spec.bins, dict) else spec.bins
        self.standardises = spec.standardise.get(modality, "corpus") == "corpus"
        self.register_buffer("mean", torch.zeros(shape))
        self.register_buffer("std", torch.ones(shape))
        self.layer_weights = nn.Parameter(torch.zeros(num_layers)) if num_layers > 1 else None
        self.project = nn.Sequential(
            Dropout(spec.dropout),
            nn.Linear(in_dim, spec.dim),
            *([] if spec.norm == "none" else [nn.LayerNorm(spec.dim)]),
            nn.GELU(),
        )

    def take_moments(self, mean: Tensor, std: Tensor) -> None:
        """Mean and standard deviation `(L, D)` of the training split."""
        self.mean.copy_(mean)
        self.std.copy_(std)

    def standardised(self, track: Steps) -> Steps:
        """`(B, T, L, D)`, padded or not, to the same, or to as many bins; padding is finite.

        Tracks that are not standardised by the training split come standardised.
        """
        values = zero_padding(track).values if isinstance(track, Padded) else track.values
        if self.standardises:
            # One copy, in float32: a batch of wide tracks is hundreds of megabytes.
            values = (values - self.mean).div_(self.std)
        values = values.float()
        scaled = track._replace(values=values)
        return scaled if self.bins is None else masked_bins(padded(scaled), self.bins)

    def forward(self, track: Steps) -> Padded:
        """Standardised `(B, T, L, D)` to `(B, T, dim)`."""
        if self.layer_weights is None:
            values = track.values.select(-2, 0)
        else:
            values = torch.einsum("...ld,l->...d", track.values, self.layer_weights.softmax(dim=0))
        projected = self.project(values)
        if isinstance(track, Padded):
            return Padded(projected, track.mask)
        return track.with_values(projected)
