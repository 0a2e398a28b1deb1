"""All figures of a run: those that DVC compares, and those that only the report shows."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from features.specs.heads import AnyHead, shown_metric
from train.attribution.shares import by_predicted_class, decision_shares
from train.runs.fold_result import FoldResult
from train.scoring.class_measure import ClassMeasure
from train.scoring.conformal import conformal_scores, coverage_on_test, unit_of
from train.scoring.ensemble import Calibration, ensemble, fitted_calibration
from train.scoring.measure import Measure
from train.scoring.metrics import over_seeds, scores
from train.scoring.predictions import RunPredictions
from train.scoring.reliability import calibrated
from train.scoring.significance import clusters
from train.scoring.summaries import against_seeds, by_class, by_fold, split_scores, summary


@dataclass(frozen=True)
class Ensembles:
    """The ensemble of a run's seeds: predictions on dev and test, how they were calibrated on dev,
    and the unit (such as the speaker) that is exchangeable with new data."""

    dev: RunPredictions
    test: RunPredictions
    calibration: Calibration
    unit: str

    @classmethod
    def of(
        cls, measures: Sequence[Measure], dev: RunPredictions, test: RunPredictions
    ) -> "Ensembles":
        """Put together what single seeds predict."""
        calibration = fitted_calibration(measures, dev)
        return cls(
            ensemble(measures, dev, calibration),
            ensemble(measures, test, calibration),
            calibration,
            unit_of(dev, test),
        )


def metrics_of(
    measures: Sequence[Measure],
    dev: RunPredictions,
    test: RunPredictions,
    together: Ensembles,
    results: Sequence[FoldResult],
) -> dict[str, Any]:
    """Test and dev figures of each measure, of single seeds and of their ensemble, and baselines.

    `majority` always predicts the majority class of the training split (or its mean); `shuffled` is
    the shuffled-label control, with the first seed.
    """
    control = RunPredictions.of({r.splits.fold: (r.splits.test, [r.shuffled]) for r in results})
    majority = {
        measure.name: RunPredictions.of(
            {
                r.splits.fold: (r.splits.test, [{measure.name: _majority(measure, r)}])
                for r in results
            }
        )
        for measure in measures
    }
    return {
        "test": summary(measures, test),
        "ensemble": summary(measures, together.test),
        "dev": summary(measures, dev),
        "majority": {m.name: _first_seed([m], majority[m.name])[m.name] for m in measures},
        "shuffled": _first_seed(measures, control),
    }


def _majority(measure: Measure, result: FoldResult) -> Any:
    return measure.majority(result.splits.train, len(result.splits.test))


def _first_seed(
    measures: Sequence[Measure], predictions: RunPredictions
) -> dict[str, dict[str, float]]:
    first = {name: values[0] for name, values in predictions.predicted.items()}
    return split_scores(measures, first, predictions.labels)


def evaluation(
    spec: AnyHead,
    measures: Sequence[Measure],
    test: RunPredictions,
    together: Ensembles,
    results: Sequence[FoldResult],
) -> dict[str, Any]:
    """What the report shows beside the metrics: folds, classes, calibration, corrupted inputs."""
    unit, names = clusters(test.labels)
    return {
        "resampled": {"unit": unit, "count": len(set(names))},
        "folds": by_fold(measures, test) if len(results) > 1 else {},
        "classes": by_class(measures, test),
        "calibration": calibrated(measures, test, together.test, together.calibration),
        "coverage": {
            m.name: coverage_on_test(m, together.dev, together.test, together.unit)
            for m in _with_classes(measures)
        },
        "ensemble_dev": summary(measures, together.dev),
        "against_seeds": against_seeds(measures, together.test, test),
        "shares": {m.name: _shares(m, test, results) for m in _with_classes(measures)},
        "damage": [_under_corruption(spec.choose_by, m, test, results) for m in measures],
    }


def _shares(
    measure: ClassMeasure, test: RunPredictions, results: Sequence[FoldResult]
) -> dict[str, Any]:
    """The share of each modality in the decisions, by predicted class; empty where it has one."""
    if not results[0].present:
        return {}
    wholes, choices, parts = [], [], []
    for result in results:
        counts = np.array(result.facts[measure.task]["counts"], float)
        whole = test.fold(result.splits.fold).predicted[measure.name].mean(axis=0)
        present = {
            kept: np.mean([one[measure.name] for one in by_seed], axis=0)
            for kept, by_seed in result.present.items()
        }
        decided, shares = decision_shares(whole, present, counts / counts.sum())
        wholes.append(whole)
        choices.append(decided)
        parts.append(shares)
    together = {name: np.concatenate([own[name] for own in parts]) for name in parts[0]}
    whole, decided = np.concatenate(wholes), np.concatenate(choices)
    return by_predicted_class(measure.classes, decided, together, whole)


def calibration_of(measures: Sequence[Measure], together: Ensembles) -> dict[str, Any]:
    """What predictions for new clips are calibrated by: temperatures, and scores for sets."""
    calibration = {name: dict(fitted) for name, fitted in together.calibration.items()}
    for measure in _with_classes(measures):
        calibration[measure.name] |= conformal_scores(measure, together.dev, together.unit)
    return calibration


def _with_classes(measures: Sequence[Measure]) -> list[ClassMeasure]:
    return [measure for measure in measures if isinstance(measure, ClassMeasure)]


def _under_corruption(
    choose_by: str, measure: Measure, test: RunPredictions, results: Sequence[FoldResult]
) -> dict[str, Any]:
    """One metric of a measure with each modality missing, and at every level of noise."""
    metric = shown_metric(measure.kind, choose_by)

    def over_heads(predictions: RunPredictions) -> dict[str, Any]:
        truth = measure.truth(predictions.labels)
        seeds = predictions.predicted[measure.name]
        return over_seeds([scores(measure, truth, one)[metric] for one in seeds])

    missing: dict[str, Any] = {}
    noise: dict[str, list[dict[str, Any]]] = {}
    for modality, level in results[0].corrupted:
        corrupted = RunPredictions.of(
            {r.splits.fold: (r.splits.test, r.corrupted[modality, level]) for r in results}
        )
        if level is None:
            missing[modality] = over_heads(corrupted)
        else:
            noise.setdefault(modality, []).append({"level": level, **over_heads(corrupted)})
    return {
        "measure": measure.name,
        "metric": metric,
        "whole": over_heads(test),
        "missing": missing,
        "noise": noise,
    }
