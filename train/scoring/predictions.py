"""What all heads of a run predicted of one part of the corpus, fold after fold, seed by seed."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from features.manifest import Label
from train.scoring.measure import Measure, Numbers

# Per measure the predictions of one head: probabilities (N, C), numbers (N,), pairs (N, W + 2).
Predictions = Mapping[str, Numbers]


@dataclass(frozen=True)
class Answers:
    """Labels, the fold of each, and per measure predictions `(S, N, ...)`.

    An utterance that is in the part of several folds is there once for each.
    """

    labels: Sequence[Label]
    folds: Sequence[str]
    predicted: Mapping[str, Numbers]

    @classmethod
    def of(cls, folds: Mapping[str, tuple[Sequence[Label], Sequence[Predictions]]]) -> "Answers":
        """Put together the labels of each fold's part and the predictions of each seed."""
        labels = [label for part, _ in folds.values() for label in part]
        names = [fold for fold, (part, _) in folds.items() for _ in part]
        first = next(iter(folds.values()))[1][0]
        joined = {
            name: np.concatenate(
                [np.stack([seed[name] for seed in seeds]) for _, seeds in folds.values()], axis=1
            )
            for name in first
        }
        return cls(labels, names, joined)

    def fold(self, name: str) -> "Answers":
        """What was said in one fold."""
        rows = [row for row, fold in enumerate(self.folds) if fold == name]
        return Answers(
            [self.labels[row] for row in rows],
            [name] * len(rows),
            {key: values[:, rows] for key, values in self.predicted.items()},
        )

    def told(self, measures: Sequence[Measure], seed: int, row: int) -> dict[str, Any]:
        """One prediction as plain JSON, by measure."""
        return {m.name: m.told(self.predicted[m.name][seed, row]) for m in measures}
