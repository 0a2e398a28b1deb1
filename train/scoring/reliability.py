"""How well the probabilities of a run are calibrated, before and after a temperature."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from train.scoring.calibration import (
    calibration_error,
    fitted_temperature,
    reliability,
    tempered_by_fold,
)
from train.scoring.measure import Measure, Numbers
from train.scoring.metrics import over_seeds
from train.scoring.predictions import RunPredictions


def calibrated(
    measures: Sequence[Measure], dev: RunPredictions, test: RunPredictions
) -> dict[str, Any]:
    """Per measure with classes: the calibration error on test, and with temperatures of dev.

    One temperature per seed and fold is fitted on that fold's dev set; no predicted class changes.
    """
    calibration = {}
    for measure in measures:
        if measure.kind != "classes":
            continue
        temperatures = _temperatures(measure, dev)
        truth, probabilities = _labelled(measure, test)
        labelled = measure.labelled(measure.truth(test.labels))
        folds = [
            fold for fold, is_labelled in zip(test.folds, labelled, strict=True) if is_labelled
        ]
        tempered_probabilities = tempered_by_fold(probabilities, folds, temperatures)
        calibration[measure.name] = {
            "temperatures": temperatures,
            "plain": _errors(truth, probabilities),
            "tempered": _errors(truth, tempered_probabilities),
        }
    return calibration


def _temperatures(measure: Measure, dev: RunPredictions) -> dict[str, list[float]]:
    by_fold = {}
    for fold in dict.fromkeys(dev.folds):
        truth, probabilities = _labelled(measure, dev.fold(fold))
        by_fold[fold] = [fitted_temperature(truth, seed) for seed in probabilities]
    return by_fold


def _labelled(measure: Measure, predictions: RunPredictions) -> tuple[Numbers, Numbers]:
    truth = measure.truth(predictions.labels)
    labelled = measure.labelled(truth)
    return truth[labelled], predictions.predicted[measure.name][:, labelled]


def _errors(truth: Numbers, probabilities: Numbers) -> dict[str, Any]:
    """The calibration error over seeds, and the bins over all seeds."""
    errors = [calibration_error(truth, seed) for seed in probabilities]
    all_truth = np.tile(truth, len(probabilities))
    bins = reliability(all_truth, probabilities.reshape(-1, probabilities.shape[-1]))
    return {"error": over_seeds(errors), "bins": bins}
