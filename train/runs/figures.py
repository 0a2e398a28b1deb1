"""All figures of a run: what DVC compares, and what the report shows beside it."""

from collections.abc import Sequence
from typing import Any

from features.specs.heads import AnyHead, shown_metric
from train.runs.fold_result import FoldResult
from train.scoring.measure import Measure
from train.scoring.metrics import over_seeds, scores
from train.scoring.predictions import Answers
from train.scoring.reliability import calibrated
from train.scoring.significance import clusters
from train.scoring.summaries import by_class, by_fold, part_scores, summary


def metrics_of(
    measures: Sequence[Measure], dev: Answers, test: Answers, results: Sequence[FoldResult]
) -> dict[str, Any]:
    """Test and dev figures of each measure, and those that need no knowledge at all.

    `majority` always says what the training part has most (or its mean); `shuffled` was
    trained on shuffled labels with the first seed.
    """
    guessed = Answers.of({r.parts.fold: (r.parts.test, [r.shuffled]) for r in results})
    plain = {
        measure.name: Answers.of(
            {r.parts.fold: (r.parts.test, [{measure.name: _majority(measure, r)}]) for r in results}
        )
        for measure in measures
    }
    return {
        "test": summary(measures, test),
        "dev": summary(measures, dev),
        "majority": {m.name: _plain([m], plain[m.name])[m.name] for m in measures},
        "shuffled": _plain(measures, guessed),
    }


def _majority(measure: Measure, result: FoldResult) -> Any:
    return measure.majority(result.parts.train, len(result.parts.test))


def _plain(measures: Sequence[Measure], answers: Answers) -> dict[str, dict[str, float]]:
    first = {name: values[0] for name, values in answers.predicted.items()}
    return part_scores(measures, first, answers.labels)


def evaluation(
    spec: AnyHead,
    measures: Sequence[Measure],
    dev: Answers,
    test: Answers,
    results: Sequence[FoldResult],
) -> dict[str, Any]:
    """What the report shows beside the metrics: folds, classes, calibration, damaged inputs."""
    unit, names = clusters(test.labels)
    return {
        "resampled": {"unit": unit, "count": len(set(names))},
        "folds": by_fold(measures, test) if len(results) > 1 else {},
        "classes": by_class(measures, test),
        "calibration": calibrated(measures, dev, test),
        "damage": [_damage(spec.choose_by, m, test, results) for m in measures],
    }


def _damage(
    choose_by: str, measure: Measure, test: Answers, results: Sequence[FoldResult]
) -> dict[str, Any]:
    """One metric of a measure with each modality missing, and at every level of noise."""
    metric = shown_metric(measure.kind, choose_by)

    def spread(answers: Answers) -> dict[str, Any]:
        truth = measure.truth(answers.labels)
        seeds = answers.predicted[measure.name]
        return over_seeds([scores(measure, truth, one)[metric] for one in seeds])

    found: dict[str, Any] = {"measure": measure.name, "metric": metric, "whole": spread(test)}
    found |= {"missing": {}, "noise": {}}
    for modality, level in results[0].damaged:
        damaged = Answers.of(
            {r.parts.fold: (r.parts.test, r.damaged[modality, level]) for r in results}
        )
        if level is None:
            found["missing"][modality] = spread(damaged)
        else:
            found["noise"].setdefault(modality, []).append({"level": level, **spread(damaged)})
    return found
