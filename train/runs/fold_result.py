"""What came out of one fold: the heads, and what they predicted."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from torch import Tensor

from train.data.dataset import Dataset
from train.folds.split import Parts
from train.loop.epoch import Epoch
from train.scoring.predictions import Predictions

# A modality, and the level of noise on it; None where it is missing.
Damage = tuple[str, float | None]


class Fitted(Protocol):
    """A trained head: `chosen` is what dev chose, an epoch or the strength of a probe."""

    @property
    def chosen(self) -> float: ...

    @property
    def epochs(self) -> list[Epoch]: ...

    @property
    def num_parameters(self) -> int: ...

    def predict(self, dataset: Dataset) -> Predictions:
        """What each measure says it predicts, `(N, ...)`, in the dataset's order."""

    def state(self) -> dict[str, Tensor]:
        """The weights."""


@dataclass
class FoldResult:
    """A head per seed, and what each predicted of dev, of test, and of a damaged test part.

    `shuffled` is what a head made of test that was trained on shuffled labels.
    """

    parts: Parts
    facts: Mapping[str, Mapping[str, Any]]
    fitted: list[Fitted]
    dev: list[Predictions]
    test: list[Predictions]
    damaged: dict[Damage, list[Predictions]]
    shuffled: Predictions
