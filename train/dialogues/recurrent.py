"""A recurrent network over the utterances of a dialogue: BiGRU or BiLSTM, or the past alone.

With a BiLSTM this is the context of bc-LSTM (Poria et al. 2017).
"""

from typing import Literal

from torch import Tensor, nn

from train.data.masking import Padded
from train.dialogues._speakers import SameOrOther
from train.model.recurrent import Recurrent

RANGES = {"layers": (1, 8)}


class Dialogue(nn.Module):
    """`(N, U, D)` to `(N, U, D)`: what was read is added to the utterances.

    `causal` reads forwards only, so that no utterance depends on a later one. With `speakers` it
    is given whether the speaker is that of the utterance before.
    """

    def __init__(
        self,
        dim: int,
        dropout: float,
        *,
        cell: Literal["gru", "lstm"] = "gru",
        layers: int = 1,
        causal: bool = False,
        speakers: Literal["none", "same-other"] = "none",
    ) -> None:
        super().__init__()
        self.speakers = SameOrOther(dim) if speakers == "same-other" else None
        self.recurrent = Recurrent(dim, dropout, cell, layers, both_directions=not causal)

    def forward(self, turns: Padded, speakers: Tensor) -> Padded:
        """The turns of each dialogue in the context of the others."""
        inputs = turns if self.speakers is None else self.speakers(turns, speakers)
        outputs: Padded = self.recurrent(inputs)
        return outputs
