"""What is scored: each thing that a task predicts, as arrays of truth and of predictions."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from features.leaves import load_leaf
from features.manifest import Label
from features.specs.heads import TrainedSpec

Numbers = NDArray[np.float64]
Facts = Mapping[str, Mapping[str, Any]]
UNKNOWN = -1


class ClassSums(NamedTuple):
    """Per class `(..., C)`: how often it is true, how often predicted, and how often both."""

    support: Numbers
    guessed: Numbers
    right: Numbers


class Measure(Protocol):
    """One thing that a task predicts; there is a file for each kind of it.

    `label` is the field of a label that it is held against. Truth is `(N, ...)`, predictions are
    `(..., N, ...)`.
    """

    @property
    def name(self) -> str: ...

    @property
    def task(self) -> str: ...

    @property
    def label(self) -> str: ...

    @property
    def kind(self) -> str:
        """``classes``, ``numbers`` or ``pairs``."""

    @property
    def classes(self) -> tuple[str, ...] | None:
        """The classes that are predicted, where there are some."""

    def truth(self, labels: Sequence[Label]) -> Numbers:
        """What the labels of a part say."""

    def known(self, truth: Numbers) -> NDArray[np.bool_]:
        """Which utterances are labelled, `(N,)`."""

    def foreign(self, labels: Sequence[Label]) -> list[str]:
        """The classes of some labels that it cannot predict."""

    def tallies(self, truth: Numbers, predicted: Numbers) -> Numbers:
        """Per utterance what scores are summed up from, `(..., N, X)`; zeros where not labelled."""

    def scores(self, totals: Numbers) -> dict[str, Numbers]:
        """The metrics of sums of tallies `(..., X)`, each `(...)`."""

    def by_class(self, totals: Numbers) -> ClassSums | None:
        """What the figures of single classes are made of; None where there are no classes."""

    def majority(self, train: Sequence[Label], num_utterances: int) -> Numbers:
        """Predictions that need no knowledge of an utterance: what the training part has most."""

    def told(self, value: Numbers) -> dict[str, Any]:
        """One prediction as plain JSON."""

    def read(self, told: Mapping[str, Any]) -> Numbers:
        """The prediction that was told."""


def measures_of(spec: TrainedSpec, facts: Facts) -> list[Measure]:
    """Everything that a head's tasks predict, in the order of the tasks."""
    found: list[Measure] = []
    for task, leaf in spec.tasks.items():
        found += load_leaf("train/tasks", leaf.code).measures(facts[task])
    return found


def ratio(over: Numbers, under: Numbers) -> Numbers:
    """The quotient, 0 where there is nothing to divide by."""
    return np.divide(over, under, out=np.zeros(np.shape(over)), where=np.asarray(under) > 0)
