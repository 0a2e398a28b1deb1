"""Predictions of all heads of a run for one split, fold after fold, seed by seed."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from features.manifest import Label
from train.scoring.measure import Measure, Numbers
from train.scoring.pair_measure import PairMeasure

# Per measure the predictions of one head: probabilities (N, C), numbers (N,), pairs (N, W + 2).
Predictions = Mapping[str, Numbers]


@dataclass(frozen=True)
class RunPredictions:
    """Labels, the fold of each, and per measure predictions `(S, N, ...)`.

    An utterance that is in the split in several folds occurs once for each.
    """

    labels: Sequence[Label]
    folds: Sequence[str]
    predicted: Mapping[str, Numbers]

    @classmethod
    def of(
        cls, folds: Mapping[str, tuple[Sequence[Label], Sequence[Predictions]]]
    ) -> "RunPredictions":
        """Join the labels and the predictions of each seed, by fold."""
        labels = [label for in_fold, _ in folds.values() for label in in_fold]
        names = [fold for fold, (in_fold, _) in folds.items() for _ in in_fold]
        first = next(iter(folds.values()))[1][0]
        joined = {
            name: np.concatenate(
                [np.stack([seed[name] for seed in seeds]) for _, seeds in folds.values()], axis=1
            )
            for name in first
        }
        return cls(labels, names, joined)

    def fold(self, name: str) -> "RunPredictions":
        """Those of one fold."""
        return self.rows([row for row, fold in enumerate(self.folds) if fold == name])

    def rows(self, rows: Sequence[int]) -> "RunPredictions":
        """Those of some rows."""
        return RunPredictions(
            [self.labels[row] for row in rows],
            [self.folds[row] for row in rows],
            {key: values[:, rows] for key, values in self.predicted.items()},
        )

    def as_json(self, measures: Sequence[Measure], seed: int, row: int) -> dict[str, Any]:
        """One prediction as plain JSON, by measure, with what pairs were decided by."""
        by_measure = {}
        for m in measures:
            prediction = self.predicted[m.name][seed, row]
            more = m.decided_by(prediction) if isinstance(m, PairMeasure) else {}
            by_measure[m.name] = {**m.as_json(prediction), **more}
        return by_measure
