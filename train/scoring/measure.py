"""The contract of a measure: one thing that a task predicts, and how it is scored."""

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
    predicted: Numbers
    correct: Numbers


class Measure(Protocol):
    """One thing that a task predicts; there is a file for each kind of it.

    `label` is the field of the labels that it is compared with. Truth is `(N, ...)`, predictions
    are `(..., N, ...)`.
    """

    @property
    def name(self) -> str: ...

    @property
    def task(self) -> str: ...

    @property
    def label(self) -> str: ...

    @property
    def kind(self) -> str:
        """``classes``, ``numbers``, ``pairs`` or ``votes``."""

    @property
    def classes(self) -> tuple[str, ...] | None:
        """The classes that are predicted, where there are some."""

    def truth(self, labels: Sequence[Label]) -> Numbers:
        """The truth of some labels."""

    def labelled(self, truth: Numbers) -> NDArray[np.bool_]:
        """Which utterances are labelled, `(N,)`."""

    def unseen_classes(self, labels: Sequence[Label]) -> list[str]:
        """The classes of some labels that training did not have, so that it cannot predict them."""

    def tallies(self, truth: Numbers, predicted: Numbers) -> Numbers:
        """Per utterance what scores are summed up from, `(..., N, X)`; zeros where not labelled."""

    def scores(self, totals: Numbers) -> dict[str, Numbers]:
        """The metrics of sums of tallies `(..., X)`, each `(...)`."""

    def by_class(self, totals: Numbers) -> ClassSums | None:
        """What the figures of single classes are made of; None where there are no classes."""

    def majority(self, train: Sequence[Label], num_utterances: int) -> Numbers:
        """Predictions of the majority baseline: what the training split has most, or its mean."""

    def as_json(self, prediction: Numbers) -> dict[str, Any]:
        """One prediction as plain JSON."""

    def from_json(self, prediction: Mapping[str, Any]) -> Numbers:
        """The prediction that `as_json` was taken from, as far as scores need it."""


def measures_of(spec: TrainedSpec, facts: Facts) -> list[Measure]:
    """The measures of all tasks of a head, in the order of the tasks."""
    measures: list[Measure] = []
    for task, leaf in spec.tasks.items():
        measures += load_leaf("train/tasks", leaf.code).Task.measures(facts[task])
    return measures


def ratio(over: Numbers, under: Numbers) -> Numbers:
    """The quotient, 0 where there is nothing to divide by."""
    return np.divide(over, under, out=np.zeros(np.shape(over)), where=np.asarray(under) > 0)
