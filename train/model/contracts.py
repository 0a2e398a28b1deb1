"""What a head makes of a batch before its tasks answer."""

from collections.abc import Mapping
from typing import NamedTuple

from torch import Tensor

from train.data.dialogues import Turns
from train.data.masking import Padded


class Encoded(NamedTuple):
    """The encoded steps `(B, T, dim)` of each modality, the fused vectors `(B, hidden)`, and who of
    the batch speaks when. A head that reads dialogues keeps the steps only where objectives ask
    for them. `causal`: no utterance may know a later one.
    """

    tracks: Mapping[str, Padded]
    fused: Tensor
    turns: Turns
    causal: bool = False
