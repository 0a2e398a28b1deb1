"""A number, and its figures."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from features.manifest import Label
from train.scoring.measure import Numbers, ratio


@dataclass(frozen=True)
class NumberMeasure:
    """A label that is a number.

    Predictions are `(..., N)`; the truth is `(N,)`, NaN where an utterance is not labelled.
    """

    name: str
    task: str
    kind: ClassVar[str] = "numbers"
    classes: ClassVar[None] = None

    @property
    def label(self) -> str:
        """The field of the labels."""
        return self.name

    def truth(self, labels: Sequence[Label]) -> Numbers:
        """Values `(N,)`."""
        values = [getattr(label, self.name) for label in labels]
        return np.array([np.nan if value is None else value for value in values], float)

    def labelled(self, truth: Numbers) -> NDArray[np.bool_]:
        """Which utterances are labelled, `(N,)`."""
        return np.isfinite(truth)

    def unseen_classes(self, labels: Sequence[Label]) -> list[str]:
        """Every number can be predicted."""
        return []

    def tallies(self, truth: Numbers, predicted: Numbers) -> Numbers:
        """Per utterance 1, t, p, t², p², tp, |t - p| and (t - p)², `(..., N, 8)`.

        t and p are distances from the mean truth.
        """
        labelled = self.labelled(truth)
        centre = truth[labelled].mean() if labelled.any() else 0.0
        t = np.broadcast_to(np.where(labelled, truth - centre, 0.0), predicted.shape)
        p = np.where(labelled, predicted - centre, 0.0)
        one = np.broadcast_to(labelled.astype(float), predicted.shape)
        return np.stack([one, t, p, t * t, p * p, t * p, abs(t - p), (t - p) ** 2], axis=-1)

    def scores(self, totals: Numbers) -> dict[str, Numbers]:
        """Lin's concordance correlation (1989) with moments over N, and the errors."""
        count, t, p, tt, pp, tp, absolute, squared = np.moveaxis(totals, -1, 0)
        mean_t, mean_p = ratio(t, count), ratio(p, count)
        covariance = ratio(tp, count) - mean_t * mean_p
        spread = ratio(tt, count) - mean_t**2 + ratio(pp, count) - mean_p**2
        distance = (mean_t - mean_p) ** 2
        return {
            "ccc": ratio(2 * covariance, spread + distance),
            "rmse": np.sqrt(ratio(squared, count)),
            "mae": ratio(absolute, count),
        }

    def by_class(self, totals: Numbers) -> None:
        """There are no classes."""

    def majority(self, train: Sequence[Label], num_utterances: int) -> Numbers:
        """Always the mean of the training split."""
        return np.full(num_utterances, np.nanmean(self.truth(train)))

    def as_json(self, prediction: Numbers) -> dict[str, Any]:
        """The number."""
        return {"predicted": round(float(prediction), 6)}

    def from_json(self, prediction: Mapping[str, Any]) -> Numbers:
        """The number."""
        return np.array(prediction["predicted"], float)
