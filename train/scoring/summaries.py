"""Figures of predictions: by seed with confidence intervals, by fold, and by class."""

from collections.abc import Mapping, Sequence
from typing import Any

from features.manifest import Label
from train.scoring.measure import Measure
from train.scoring.metrics import (
    LOWER_IS_BETTER,
    Scores,
    class_figures,
    over_seeds,
    scores,
)
from train.scoring.predictions import Predictions, RunPredictions
from train.scoring.significance import clusters, intervals, paired


def split_scores(
    measures: Sequence[Measure], predictions: Predictions, labels: Sequence[Label]
) -> dict[str, Scores]:
    """Every metric of each measure over the labelled utterances of a split."""
    return {m.name: scores(m, m.truth(labels), predictions[m.name]) for m in measures}


def selection_score(by_measure: Mapping[str, Scores], metric: str) -> float:
    """The figure to select by, larger is better: the mean over the measures that have it."""
    values = [scores[metric] for scores in by_measure.values() if metric in scores]
    mean = sum(values) / len(values)
    return -mean if metric in LOWER_IS_BETTER else mean


def summary(measures: Sequence[Measure], predictions: RunPredictions) -> dict[str, dict[str, Any]]:
    """Per measure and metric: mean, deviation, every seed's figure, and the interval."""
    _, names = clusters(predictions.labels)
    figures: dict[str, dict[str, Any]] = {}
    for measure in measures:
        truth = measure.truth(predictions.labels)
        tally = measure.tallies(truth, predictions.predicted[measure.name])
        limits = intervals(measure, tally, names)
        figures[measure.name] = {
            name: {**over_seeds(list(values)), "low": limits[name][0], "high": limits[name][1]}
            for name, values in measure.scores(tally.sum(axis=1)).items()
        }
    return figures


def against_seeds(
    measures: Sequence[Measure], together: RunPredictions, single: RunPredictions
) -> dict[str, dict[str, Any]]:
    """By how much an ensemble is above the mean of its single seeds, paired, by measure and metric.

    Empty where there is one seed.
    """
    several = [m for m in measures if len(single.predicted[m.name]) > 1]
    return _differences(several, together, single)


def against_others(
    measures: Sequence[Measure], together: RunPredictions, others: Mapping[str, RunPredictions]
) -> dict[str, dict[str, Any]]:
    """By how much an ensemble is above each of its heads, paired, by head, measure and metric."""
    return {name: _differences(measures, together, other) for name, other in others.items()}


def _differences(
    measures: Sequence[Measure], one: RunPredictions, other: RunPredictions
) -> dict[str, dict[str, Any]]:
    _, names = clusters(one.labels)
    figures: dict[str, dict[str, Any]] = {}
    for measure in measures:
        truth = measure.truth(one.labels)
        own, others = (measure.tallies(truth, x.predicted[measure.name]) for x in (one, other))
        figures[measure.name] = {
            metric: {
                "value": difference.value,
                "low": difference.limits[0],
                "high": difference.limits[1],
                "p": difference.p,
            }
            for metric, difference in paired(measure, own, others, names).items()
        }
    return figures


def by_fold(measures: Sequence[Measure], predictions: RunPredictions) -> dict[str, dict[str, Any]]:
    """Per measure and metric: each fold's figure, the mean over the seeds."""
    figures: dict[str, dict[str, dict[str, float]]] = {}
    for fold in dict.fromkeys(predictions.folds):
        in_fold = predictions.fold(fold)
        for m in measures:
            tally = m.tallies(m.truth(in_fold.labels), in_fold.predicted[m.name]).sum(axis=1)
            for metric, values in m.scores(tally).items():
                figures.setdefault(m.name, {}).setdefault(metric, {})[fold] = float(values.mean())
    return figures


def by_class(measures: Sequence[Measure], predictions: RunPredictions) -> dict[str, dict[str, Any]]:
    """Per class: how often it occurs, and mean and deviation of precision, recall and F1."""
    figures = {}
    for measure in measures:
        if measure.classes is None:
            continue
        truth = measure.truth(predictions.labels)
        seeds = [
            class_figures(measure, truth, seed) for seed in predictions.predicted[measure.name]
        ]
        figures[measure.name] = {
            name: {
                "support": int(seeds[0][number]["support"]),
                **{
                    figure: {k: v for k, v in spread.items() if k != "seeds"}
                    for figure in ("precision", "recall", "f1")
                    if (spread := over_seeds([seed[number][figure] for seed in seeds]))
                },
            }
            for number, name in enumerate(measure.classes)
        }
    return figures
