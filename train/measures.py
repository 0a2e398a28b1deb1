"""What is scored: each thing that a task predicts, as arrays of truth and of predictions."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from features.head_specs import TrainedSpec
from features.leaves import load_leaf
from features.manifest import Label

Numbers = NDArray[np.float64]
Facts = Mapping[str, Mapping[str, Any]]
UNKNOWN = -1


@dataclass(frozen=True)
class Measure:
    """One thing that a task predicts: a class out of `classes`, or a number where they are None.

    Its predictions are probabilities `(..., N, C)` or numbers `(..., N)`; its truth is `(N,)`.
    """

    name: str
    task: str
    classes: tuple[str, ...] | None

    @property
    def kind(self) -> str:
        """``classes`` or ``numbers``."""
        return "numbers" if self.classes is None else "classes"

    def truth(self, labels: Sequence[Label]) -> Numbers:
        """Class numbers, UNKNOWN where an utterance is not labelled; or values, NaN there."""
        values = [getattr(label, self.name) for label in labels]
        if self.classes is None:
            return np.array([np.nan if value is None else value for value in values], float)
        numbers = {name: number for number, name in enumerate(self.classes)}
        return np.array([numbers.get(value, UNKNOWN) for value in values], float)

    def known(self, truth: Numbers) -> NDArray[np.bool_]:
        """Which utterances are labelled, `(N,)`."""
        return np.isfinite(truth) if self.classes is None else truth != UNKNOWN


def measures_of(spec: TrainedSpec, facts: Facts) -> list[Measure]:
    """Everything that a head's tasks predict, in the order of the tasks."""
    found = []
    for task, leaf in spec.tasks.items():
        for name, classes in load_leaf("train/tasks", leaf.code).measures(facts[task]).items():
            found.append(Measure(name, task, None if classes is None else tuple(classes)))
    return found
