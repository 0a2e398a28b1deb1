"""How well the probabilities of a run are calibrated, before and after a temperature."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from train.scoring.calibration import calibration_error, fitted_temperature, reliability, tempered
from train.scoring.measure import Measure, Numbers
from train.scoring.metrics import over_seeds
from train.scoring.predictions import Answers


def calibrated(measures: Sequence[Measure], dev: Answers, test: Answers) -> dict[str, Any]:
    """Per measure with classes: the calibration error on test, and with dev's temperature.

    One temperature per seed and fold is chosen on that fold's dev part; it changes no class.
    """
    found = {}
    for measure in measures:
        if measure.kind != "classes":
            continue
        temperatures = _temperatures(measure, dev)
        truth, probabilities = _known(measure, test)
        factors = np.array([temperatures[fold] for fold in test.folds]).T
        factors = factors[:, measure.known(measure.truth(test.labels))]
        cooled = np.stack(
            [
                np.stack([tempered(row, t) for row, t in zip(seed, ts, strict=True)])
                for seed, ts in zip(probabilities, factors, strict=True)
            ]
        )
        found[measure.name] = {
            "temperatures": temperatures,
            "plain": _errors(truth, probabilities),
            "tempered": _errors(truth, cooled),
        }
    return found


def _temperatures(measure: Measure, dev: Answers) -> dict[str, list[float]]:
    by_fold = {}
    for fold in dict.fromkeys(dev.folds):
        truth, probabilities = _known(measure, dev.fold(fold))
        by_fold[fold] = [fitted_temperature(truth, seed) for seed in probabilities]
    return by_fold


def _known(measure: Measure, answers: Answers) -> tuple[Numbers, Numbers]:
    truth = measure.truth(answers.labels)
    known = measure.known(truth)
    return truth[known], answers.predicted[measure.name][:, known]


def _errors(truth: Numbers, probabilities: Numbers) -> dict[str, Any]:
    """The calibration error over seeds, and the bins of all seeds together."""
    errors = [calibration_error(truth, seed) for seed in probabilities]
    together = np.tile(truth, len(probabilities))
    bins = reliability(together, probabilities.reshape(-1, probabilities.shape[-1]))
    return {"error": over_seeds(errors), "bins": bins}
