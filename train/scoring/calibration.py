"""Calibration of probabilities: expected calibration error, reliability, temperature."""

from collections.abc import Mapping, Sequence

import numpy as np
from scipy.optimize import minimize_scalar

from train.scoring.measure import Numbers

NUM_BINS = 15
LEAST_PROBABILITY = 1e-7


def reliability(truth: Numbers, probabilities: Numbers) -> list[dict[str, float]]:
    """Per bin of confidence: how many predictions, their mean confidence, their accuracy.

    Fifteen bins of equal width over the probability of the predicted class; empty ones left out.
    `truth` is `(N,)` class numbers, `probabilities` `(N, C)`.
    """
    confidence = probabilities.max(axis=1)
    correct = probabilities.argmax(axis=1) == truth
    bins = np.minimum((confidence * NUM_BINS).astype(int), NUM_BINS - 1)
    return [
        {
            "count": int((bins == number).sum()),
            "confidence": float(confidence[bins == number].mean()),
            "accuracy": float(correct[bins == number].mean()),
        }
        for number in range(NUM_BINS)
        if (bins == number).any()
    ]


def calibration_error(truth: Numbers, probabilities: Numbers) -> float:
    """The expected calibration error (Guo et al. 2017) over the bins of `reliability`."""
    bins = reliability(truth, probabilities)
    total = sum(one["count"] for one in bins)
    return sum(one["count"] / total * abs(one["confidence"] - one["accuracy"]) for one in bins)


def tempered(probabilities: Numbers, temperature: float) -> Numbers:
    """Probabilities whose logarithms are divided by a temperature; the order of classes stays."""
    logs = np.log(np.maximum(probabilities, LEAST_PROBABILITY)) / temperature
    raised = np.exp(logs - logs.max(axis=-1, keepdims=True))
    # The likeliest class stays the likeliest even where rounding makes two equal.
    best = probabilities.argmax(axis=-1)[..., None]
    np.put_along_axis(raised, best, np.nextafter(1.0, 2.0), axis=-1)
    return np.asarray(raised / raised.sum(axis=-1, keepdims=True))


def tempered_by_fold(
    probabilities: Numbers, folds: Sequence[str], temperatures: Mapping[str, Sequence[float]]
) -> Numbers:
    """Probabilities of each seed `(S, N, C)`, tempered by that seed's temperature in its fold.

    `folds` names the fold of each utterance.
    """
    result = np.empty(probabilities.shape)
    for fold in dict.fromkeys(folds):
        rows = np.array([name == fold for name in folds])
        for seed, temperature in enumerate(temperatures[fold]):
            result[seed, rows] = tempered(probabilities[seed, rows], temperature)
    return result


def fitted_temperature(truth: Numbers, probabilities: Numbers) -> float:
    """The temperature, between 0.05 and 20, with the largest likelihood of the truth."""
    rows, columns = np.arange(len(truth)), truth.astype(int)

    def negative_log_likelihood(log_temperature: float) -> float:
        likelihoods = tempered(probabilities, float(np.exp(log_temperature)))[rows, columns]
        return float(-np.log(np.maximum(likelihoods, LEAST_PROBABILITY)).mean())

    optimum = minimize_scalar(
        negative_log_likelihood, bounds=(np.log(0.05), np.log(20)), method="bounded"
    )
    return float(np.exp(optimum.x))
