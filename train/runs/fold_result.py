"""The result of one fold: trained heads, and their predictions."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from torch import Tensor

from train.attribution.present import Present
from train.data.dataset import Dataset
from train.data.standardise import Standardising
from train.folds.split import Splits
from train.loop.tracking import Epoch
from train.scoring.predictions import Predictions

# A modality, and the level of noise on it; None: it is missing.
Corruption = tuple[str, float | None]


class Fitted(Protocol):
    """A trained head: `selected` is what was selected on dev, an epoch or a probe's strength."""

    @property
    def selected(self) -> float: ...

    @property
    def epochs(self) -> list[Epoch]: ...

    @property
    def num_parameters(self) -> int: ...

    def predict(self, dataset: Dataset) -> Predictions:
        """Predictions of each measure `(N, ...)`, in the dataset's order."""

    def state(self) -> dict[str, Tensor]:
        """The weights."""


@dataclass
class FoldResult:
    """A head per seed, and its predictions of dev, of test, and of corrupted test sets.

    `present` are those of the test set with some of several modalities alone, `shuffled` those of
    the shuffled-label control. `standardised` says of how many speakers of the test set the tracks
    were standardised by speaker.
    """

    splits: Splits
    facts: Mapping[str, Mapping[str, Any]]
    fitted: list[Fitted]
    dev: list[Predictions]
    test: list[Predictions]
    corrupted: dict[Corruption, list[Predictions]]
    present: dict[Present, list[Predictions]]
    shuffled: Predictions
    standardised: Mapping[str, Standardising]
