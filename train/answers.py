"""What all heads of a run predicted of one part of the corpus, fold after fold, seed by seed."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from features.manifest import Label
from train.measures import Measure, Numbers

# Per measure the predictions of one head: probabilities (N, C) or numbers (N,).
Predictions = Mapping[str, Numbers]


@dataclass(frozen=True)
class Answers:
    """Labels, the fold of each, and per measure predictions `(S, N, C)` or `(S, N)`.

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
        told: dict[str, Any] = {}
        for measure in measures:
            value = self.predicted[measure.name][seed, row]
            if measure.classes is None:
                told[measure.name] = {"predicted": round(float(value), 6)}
                continue
            named = zip(measure.classes, [round(float(p), 6) for p in value], strict=True)
            best = measure.classes[int(value.argmax())]
            told[measure.name] = {"predicted": best, "probabilities": dict(named)}
        return told
