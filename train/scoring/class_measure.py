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

    `predicted_by` is the task, if it is not called like the label. Predictions are probabilities
    `(..., N, C)`; the truth is a class number `(N,)`, UNKNOWN where an utterance is not labelled.
    """

    name: str
    classes: tuple[str, ...]
    predicted_by: str | None = None
    kind: ClassVar[str] = "classes"

    @property
    def task(self) -> str:
        """The task that predicts it."""
        return self.predicted_by or self.name.replace("_", "-")

    @property
    def label(self) -> str:
        """The field of the labels."""
        return self.name

    def truth(self, labels: Sequence[Label]) -> Numbers:
        """Class numbers `(N,)`."""
        numbers = {name: number for number, name in enumerate(self.classes)}
        return np.array([numbers.get(getattr(x, self.name), UNKNOWN) for x in labels], float)

    def labelled(self, truth: Numbers) -> NDArray[np.bool_]:
        """Which utterances are labelled, `(N,)`."""
        return np.asarray(truth != UNKNOWN)

    def unseen_classes(self, labels: Sequence[Label]) -> list[str]:
        """The classes of some labels that it cannot predict."""
        return sorted({getattr(label, self.name) for label in labels} - {None, *self.classes})

    def tallies(self, truth: Numbers, predicted: Numbers) -> Numbers:
        """Per utterance a confusion matrix `(..., N, C * C)` with the truth in rows."""
        labelled, count = self.labelled(truth), len(self.classes)
        cells = np.where(labelled, truth, 0).astype(int) * count + predicted.argmax(axis=-1)
        return np.asarray(np.eye(count * count)[cells] * labelled[:, None])

    def scores(self, totals: Numbers) -> dict[str, Numbers]:
        """Averages are over classes that occur in the truth; one never predicted counts as 0."""
        support, predicted, correct = self.by_class(totals)
        f1 = ratio(2 * correct, support + predicted)
        recall, precision = ratio(correct, support), ratio(correct, predicted)
        present, count = (support > 0).sum(axis=-1), support.sum(axis=-1)
        occurs = support > 0
        return {
            "weighted_f1": ratio((f1 * support).sum(axis=-1), count),
            "macro_f1": ratio((f1 * occurs).sum(axis=-1), present),
            "weighted_precision": ratio((precision * support).sum(axis=-1), count),
            "unweighted_accuracy": ratio((recall * occurs).sum(axis=-1), present),
            "accuracy": ratio(correct.sum(axis=-1), count),
        }

    def by_class(self, totals: Numbers) -> ClassSums:
        """Sums of every class, of a confusion matrix `(..., C * C)`."""
        count = len(self.classes)
        confusion = totals.reshape(*totals.shape[:-1], count, count)
        correct = np.diagonal(confusion, axis1=-2, axis2=-1)
        return ClassSums(confusion.sum(axis=-1), confusion.sum(axis=-2), correct)

    def majority(self, train: Sequence[Label], num_utterances: int) -> Numbers:
        """Always the commonest class of the training split."""
        truth = self.truth(train)
        counts = np.bincount(truth[self.labelled(truth)].astype(int), minlength=len(self.classes))
        return np.tile(np.eye(len(self.classes))[counts.argmax()], (num_utterances, 1))

    def as_json(self, prediction: Numbers) -> dict[str, Any]:
        """The class, and the probability of each."""
        probabilities = [round(float(probability), 6) for probability in prediction]
        return {
            "predicted": self.classes[int(prediction.argmax())],
            "probabilities": dict(zip(self.classes, probabilities, strict=True)),
        }

    def from_json(self, prediction: Mapping[str, Any]) -> Numbers:
        """The probabilities, as they were rounded; the class that was predicted stays the first."""
        row = np.array([prediction["probabilities"][name] for name in self.classes], float)
        predicted = self.classes.index(prediction["predicted"])
        if row.argmax() != predicted:
            row[predicted] = np.nextafter(row.max(), 2.0)
        return row
