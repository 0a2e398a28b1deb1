"""One class out of several, and its figures."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from features.manifest import Label
from train.scoring.measure import UNKNOWN, ClassSums, Numbers, ratio


@dataclass(frozen=True)
class ClassMeasure:
    """A label out of `classes`.

    Predictions are probabilities `(..., N, C)`; the truth is a class number `(N,)`, UNKNOWN where
    an utterance is not labelled.
    """

    name: str
    classes: tuple[str, ...]
    kind: ClassVar[str] = "classes"

    @property
    def task(self) -> str:
        """The task that predicts it."""
        return self.name.replace("_", "-")

    @property
    def label(self) -> str:
        """The field of the labels."""
        return self.name

    def truth(self, labels: Sequence[Label]) -> Numbers:
        """Class numbers `(N,)`."""
        numbers = {name: number for number, name in enumerate(self.classes)}
        return np.array([numbers.get(getattr(x, self.name), UNKNOWN) for x in labels], float)

    def known(self, truth: Numbers) -> NDArray[np.bool_]:
        """Which utterances are labelled, `(N,)`."""
        return np.asarray(truth != UNKNOWN)

    def foreign(self, labels: Sequence[Label]) -> list[str]:
        """The classes of some labels that it cannot predict."""
        return sorted({getattr(label, self.name) for label in labels} - {None, *self.classes})

    def tallies(self, truth: Numbers, predicted: Numbers) -> Numbers:
        """Per utterance a confusion matrix `(..., N, C * C)` with the truth in rows."""
        known, count = self.known(truth), len(self.classes)
        cells = np.where(known, truth, 0).astype(int) * count + predicted.argmax(axis=-1)
        return np.asarray(np.eye(count * count)[cells] * known[:, None])

    def scores(self, totals: Numbers) -> dict[str, Numbers]:
        """Averages run over the classes that occur in the truth; what is never right counts 0."""
        support, guessed, right = self.by_class(totals)
        f1 = ratio(2 * right, support + guessed)
        recall, precision = ratio(right, support), ratio(right, guessed)
        present, count = (support > 0).sum(axis=-1), support.sum(axis=-1)
        occurs = support > 0
        return {
            "weighted_f1": ratio((f1 * support).sum(axis=-1), count),
            "macro_f1": ratio((f1 * occurs).sum(axis=-1), present),
            "weighted_precision": ratio((precision * support).sum(axis=-1), count),
            "unweighted_accuracy": ratio((recall * occurs).sum(axis=-1), present),
            "accuracy": ratio(right.sum(axis=-1), count),
        }

    def by_class(self, totals: Numbers) -> ClassSums:
        """Sums of every class, of a confusion matrix `(..., C * C)`."""
        count = len(self.classes)
        confusion = totals.reshape(*totals.shape[:-1], count, count)
        right = np.diagonal(confusion, axis1=-2, axis2=-1)
        return ClassSums(confusion.sum(axis=-1), confusion.sum(axis=-2), right)

    def majority(self, train: Sequence[Label], num_utterances: int) -> Numbers:
        """Always the commonest class of the training part."""
        truth = self.truth(train)
        counts = np.bincount(truth[self.known(truth)].astype(int), minlength=len(self.classes))
        return np.tile(np.eye(len(self.classes))[counts.argmax()], (num_utterances, 1))

    def told(self, value: Numbers) -> dict[str, Any]:
        """The class, and the probability of each."""
        named = zip(self.classes, [round(float(p), 6) for p in value], strict=True)
        return {"predicted": self.classes[int(value.argmax())], "probabilities": dict(named)}

    def read(self, told: Mapping[str, Any]) -> Numbers:
        """All for the class that was predicted."""
        return np.array([float(name == told["predicted"]) for name in self.classes])
