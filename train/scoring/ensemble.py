"""The heads of all seeds put together: one prediction for each utterance.

Probabilities are tempered and then averaged (a deep ensemble, Lakshminarayanan et al. 2017),
numbers averaged. Of pairs the strengths are averaged, and the emotion is the one that most heads
name. Temperatures and thresholds are fitted on the dev set of each fold.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from train.scoring.calibration import fitted_temperature, tempered
from train.scoring.class_measure import ClassMeasure
from train.scoring.measure import UNKNOWN, Measure, Numbers
from train.scoring.metrics import scores
from train.scoring.pair_measure import BORDER, PairMeasure, recentred
from train.scoring.predictions import RunPredictions
from train.scoring.vote_measure import VoteMeasure

# By measure: temperatures by fold and seed of classes, thresholds by fold of pairs.
Calibration = Mapping[str, Mapping[str, Any]]
THRESHOLDS = [step / 40 for step in range(1, 40)]


def fitted_calibration(measures: Sequence[Measure], dev: RunPredictions) -> dict[str, Any]:
    """What the dev set of each fold says of the heads that were selected on it."""
    calibration: dict[str, Any] = {}
    for measure in measures:
        if isinstance(measure, ClassMeasure):
            calibration[measure.name] = {"temperatures": _by_fold(measure, dev, _temperatures)}
        elif isinstance(measure, PairMeasure):
            calibration[measure.name] = {"thresholds": _by_fold(measure, dev, _threshold)}
    return calibration


def ensemble(
    measures: Sequence[Measure], predictions: RunPredictions, calibration: Calibration
) -> RunPredictions:
    """The predictions of all seeds put together, `(1, N, ...)`."""
    predicted: dict[str, Numbers] = {}
    for measure in measures:
        by_seed = predictions.predicted[measure.name]
        predicted[measure.name] = np.empty((1, *by_seed.shape[1:]))
        for fold in dict.fromkeys(predictions.folds):
            rows = [row for row, name in enumerate(predictions.folds) if name == fold]
            merged = fold_ensemble(measure, by_seed[:, rows], calibration, fold)
            predicted[measure.name][0, rows] = merged
    return replace(predictions, predicted=predicted)


def fold_ensemble(
    measure: Measure, by_seed: Numbers, calibration: Calibration, fold: str
) -> Numbers:
    """The heads of one fold `(S, N, ...)` put together, `(N, ...)`."""
    if isinstance(measure, ClassMeasure | VoteMeasure):
        classes = measure.of if isinstance(measure, VoteMeasure) else measure.name
        temperatures = calibration[classes]["temperatures"][fold]
        each = [tempered(one, t) for one, t in zip(by_seed, temperatures, strict=True)]
        return averaged(measure, np.stack(each))
    merged = averaged(measure, by_seed)
    if isinstance(measure, PairMeasure):
        # Runs of an earlier version have no thresholds.
        threshold = calibration.get(measure.name, {}).get("thresholds", {}).get(fold, BORDER)
        merged[:, 1:-1] = recentred(merged[:, 1:-1], threshold)
    return merged


def averaged(measure: Measure, each: Numbers, weights: Sequence[float] | None = None) -> Numbers:
    """The mean of several predictions `(H, N, ...)`; of the emotions of pairs the vote."""
    merged = np.asarray(np.average(each, axis=0, weights=weights))
    if isinstance(measure, PairMeasure):
        shares = np.ones(len(each)) if weights is None else np.asarray(weights)
        votes = (each[..., :1] == np.arange(len(measure.classes))) * shares[:, None, None]
        named = (each[..., 0] != UNKNOWN).any(axis=0)
        merged[:, 0] = np.where(named, votes.sum(axis=0).argmax(axis=-1), UNKNOWN)
    return merged


def _by_fold(measure: Measure, dev: RunPredictions, fit: Any) -> dict[str, Any]:
    fitted = {}
    for fold in dict.fromkeys(dev.folds):
        in_fold = dev.fold(fold)
        truth = measure.truth(in_fold.labels)
        fitted[fold] = fit(measure, truth, in_fold.predicted[measure.name])
    return fitted


def _temperatures(measure: Measure, truth: Numbers, by_seed: Numbers) -> list[float]:
    labelled = measure.labelled(truth)
    return [fitted_temperature(truth[labelled], one[labelled]) for one in by_seed]


def _threshold(measure: Measure, truth: Numbers, by_seed: Numbers) -> float:
    """The best threshold of the mean strength; the usual one where others are not better.

    A single head has selected its own.
    """
    if len(by_seed) == 1:
        return BORDER
    merged = averaged(measure, by_seed)

    def figure(threshold: float) -> float:
        moved = merged.copy()
        moved[:, 1:-1] = recentred(merged[:, 1:-1], threshold)
        return scores(measure, truth, moved)["pair_weighted_f1"]

    return max([BORDER, *THRESHOLDS], key=figure)
