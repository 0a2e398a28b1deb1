"""Holds predictions against labels: figures by seed with intervals, by fold, and by class."""

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
from train.scoring.predictions import Answers, Predictions
from train.scoring.significance import clusters, intervals


def part_scores(
    measures: Sequence[Measure], predictions: Predictions, labels: Sequence[Label]
) -> dict[str, Scores]:
    """Every metric of each measure over the labelled utterances of a part."""
    return {m.name: scores(m, m.truth(labels), predictions[m.name]) for m in measures}


def choice_score(found: Mapping[str, Scores], choose_by: str) -> float:
    """What a choice goes by, the larger the better: the mean over the measures that have it."""
    values = [one[choose_by] for one in found.values() if choose_by in one]
    mean = sum(values) / len(values)
    return -mean if choose_by in LOWER_IS_BETTER else mean


def summary(measures: Sequence[Measure], answers: Answers) -> dict[str, dict[str, Any]]:
    """Per measure and metric: mean, deviation, every seed's figure, and the interval."""
    _, names = clusters(answers.labels)
    found: dict[str, dict[str, Any]] = {}
    for measure in measures:
        truth = measure.truth(answers.labels)
        tally = measure.tallies(truth, answers.predicted[measure.name])
        limits = intervals(measure, tally, names)
        found[measure.name] = {
            name: {**over_seeds(list(values)), "low": limits[name][0], "high": limits[name][1]}
            for name, values in measure.scores(tally.sum(axis=1)).items()
        }
    return found


def by_fold(measures: Sequence[Measure], answers: Answers) -> dict[str, dict[str, Any]]:
    """Per measure and metric: each fold's figure, the mean over the seeds."""
    found: dict[str, dict[str, dict[str, float]]] = {}
    for fold in dict.fromkeys(answers.folds):
        part = answers.fold(fold)
        for m in measures:
            tally = m.tallies(m.truth(part.labels), part.predicted[m.name]).sum(axis=1)
            for metric, values in m.scores(tally).items():
                found.setdefault(m.name, {}).setdefault(metric, {})[fold] = float(values.mean())
    return found


def by_class(measures: Sequence[Measure], answers: Answers) -> dict[str, dict[str, Any]]:
    """Per class: how often it occurs, and mean and deviation of precision, recall and F1."""
    found = {}
    for measure in measures:
        if measure.classes is None:
            continue
        truth = measure.truth(answers.labels)
        seeds = [class_figures(measure, truth, one) for one in answers.predicted[measure.name]]
        found[measure.name] = {
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
    return found
