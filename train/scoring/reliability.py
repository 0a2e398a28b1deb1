"""How well the probabilities of a run are calibrated, before and after a temperature."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from train.scoring.calibration import (
    calibration_error,
    reliability,
    tempered_by_fold,
)
from train.scoring.ensemble import Calibration
from train.scoring.measure import Measure, Numbers
from train.scoring.metrics import over_seeds
from train.scoring.predictions import RunPredictions


def calibrated(
    measures: Sequence[Measure],
    test: RunPredictions,
    together: RunPredictions,
    calibration: Calibration,
) -> dict[str, Any]:
    """Per measure with classes: the calibration error on test, and with temperatures of dev.

    One temperature per seed and fold is fitted on that fold's dev set; no predicted class changes.
    `together` are the ensemble's predictions of test.
    """
    figures = {}
    for measure in measures:
        if measure.kind != "classes":
            continue
        temperatures = calibration[measure.name]["temperatures"]
        truth, probabilities = _labelled(measure, test)
        labelled = measure.labelled(measure.truth(test.labels))
        folds = [
            fold for fold, is_labelled in zip(test.folds, labelled, strict=True) if is_labelled
        ]
        tempered_probabilities = tempered_by_fold(probabilities, folds, temperatures)
        figures[measure.name] = {
            "temperatures": temperatures,
            "plain": _errors(truth, probabilities),
            "tempered": _errors(truth, tempered_probabilities),
            "ensemble": _errors(*_labelled(measure, together)),
        }
    return figures


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
