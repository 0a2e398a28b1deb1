"""Metrics of one set of predictions, by class, and over seeds."""

from collections.abc import Sequence

import numpy as np

from train.scoring.measure import Measure, Numbers, ratio

LOWER_IS_BETTER = ("rmse", "mae", "kl", "jensen_shannon")
Scores = dict[str, float]


def scores(measure: Measure, truth: Numbers, predicted: Numbers) -> Scores:
    """Every metric of one set of predictions, by its name in full, as fractions."""
    totals = measure.tallies(truth, predicted).sum(axis=-2)
    return {name: float(value) for name, value in measure.scores(totals).items()}


def class_figures(measure: Measure, truth: Numbers, predicted: Numbers) -> list[dict[str, float]]:
    """Per class: support, precision, recall and F1 of one set of predictions; none for numbers."""
    sums = measure.by_class(measure.tallies(truth, predicted).sum(axis=-2))
    if sums is None:
        return []
    columns = {
        "support": sums.support,
        "precision": ratio(sums.correct, sums.predicted),
        "recall": ratio(sums.correct, sums.support),
        "f1": ratio(2 * sums.correct, sums.support + sums.predicted),
    }
    return [
        {name: float(values[number]) for name, values in columns.items()}
        for number in range(len(sums.support))
    ]


def over_seeds(seeds: Sequence[float]) -> dict[str, float | list[float]]:
    """Mean and sample standard deviation (0 for one seed) of a figure, and each seed's value."""
    std = float(np.std(seeds, ddof=1)) if len(seeds) > 1 else 0.0
    return {"mean": float(np.mean(seeds)), "std": std, "seeds": [float(value) for value in seeds]}
