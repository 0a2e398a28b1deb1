"""What a head makes of a batch before its tasks answer."""

from collections.abc import Mapping
from typing import NamedTuple

from torch import Tensor

from train.masking import Padded


class Encoded(NamedTuple):
    """The encoded steps `(B, T, dim)` of each modality, and the fused vectors `(B, hidden)`."""

    tracks: Mapping[str, Padded]
    fused: Tensor
