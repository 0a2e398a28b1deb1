"""Scores by their names in full, as fractions, from sums that can be added up and resampled."""

from collections.abc import Sequence

import numpy as np

from train.measures import Measure, Numbers

# The sums over utterances that scores of numbers are computed from.
NUM_SUMS = 8
LOWER_IS_BETTER = ("rmse", "mae")
Scores = dict[str, float]


def tallies(measure: Measure, truth: Numbers, predicted: Numbers) -> Numbers:
    """Per utterance what scores are summed up from, zeros where it is not labelled.

    For classes a confusion matrix `(..., N, C * C)` with the truth in rows; for numbers the sums
    1, t, p, t², p², tp, |t - p| and (t - p)², as `(..., N, 8)`, of the distances t and p from the
    mean truth. `predicted` is `(..., N, C)` or `(..., N)`.
    """
    known = measure.known(truth)
    if measure.classes is not None:
        count = len(measure.classes)
        cells = np.where(known, truth, 0).astype(int) * count + predicted.argmax(axis=-1)
        return np.asarray(np.eye(count * count)[cells] * known[:, None])
    centre = truth[known].mean() if known.any() else 0.0
    t = np.broadcast_to(np.where(known, truth - centre, 0.0), predicted.shape)
    p = np.where(known, predicted - centre, 0.0)
    one = np.broadcast_to(known.astype(float), predicted.shape)
    return np.stack([one, t, p, t * t, p * p, t * p, abs(t - p), (t - p) ** 2], axis=-1)


def scores_of(measure: Measure, totals: Numbers) -> dict[str, Numbers]:
    """The metrics of sums of tallies `(..., C * C)` or `(..., 8)`, each `(...)`."""
    if measure.classes is None:
        return _number_scores(totals)
    count = len(measure.classes)
    return _class_scores(totals.reshape(*totals.shape[:-1], count, count))


def _class_scores(confusion: Numbers) -> dict[str, Numbers]:
    """Averages run over the classes that occur in the truth; what is never right counts 0."""
    right = np.diagonal(confusion, axis1=-2, axis2=-1)
    support, guessed = confusion.sum(axis=-1), confusion.sum(axis=-2)
    f1 = _ratio(2 * right, support + guessed)
    recall, precision = _ratio(right, support), _ratio(right, guessed)
    present, count = (support > 0).sum(axis=-1), support.sum(axis=-1)
    occurs = support > 0
    return {
        "weighted_f1": _ratio((f1 * support).sum(axis=-1), count),
        "macro_f1": _ratio((f1 * occurs).sum(axis=-1), present),
        "weighted_precision": _ratio((precision * support).sum(axis=-1), count),
        "unweighted_accuracy": _ratio((recall * occurs).sum(axis=-1), present),
        "accuracy": _ratio(right.sum(axis=-1), count),
    }


def _number_scores(sums: Numbers) -> dict[str, Numbers]:
    """Lin's concordance correlation (1989) with moments over N, and the errors."""
    count, t, p, tt, pp, tp, absolute, squared = np.moveaxis(sums, -1, 0)
    mean_t, mean_p = _ratio(t, count), _ratio(p, count)
    covariance = _ratio(tp, count) - mean_t * mean_p
    spread = _ratio(tt, count) - mean_t**2 + _ratio(pp, count) - mean_p**2
    distance = (mean_t - mean_p) ** 2
    return {
        "ccc": _ratio(2 * covariance, spread + distance),
        "rmse": np.sqrt(_ratio(squared, count)),
        "mae": _ratio(absolute, count),
    }


def _ratio(over: Numbers, under: Numbers) -> Numbers:
    """The quotient, 0 where there is nothing to divide by."""
    return np.divide(over, under, out=np.zeros(np.shape(over)), where=np.asarray(under) > 0)


def scores(measure: Measure, truth: Numbers, predicted: Numbers) -> Scores:
    """Every metric of one set of predictions."""
    totals = tallies(measure, truth, predicted).sum(axis=-2)
    return {name: float(value) for name, value in scores_of(measure, totals).items()}


def class_figures(measure: Measure, truth: Numbers, predicted: Numbers) -> list[dict[str, float]]:
    """Per class: support, precision, recall and F1 of one set of predictions."""
    assert measure.classes is not None
    count = len(measure.classes)
    confusion = tallies(measure, truth, predicted).sum(axis=-2).reshape(count, count)
    right, support, guessed = np.diagonal(confusion), confusion.sum(axis=1), confusion.sum(axis=0)
    columns = {
        "support": support,
        "precision": _ratio(right, guessed),
        "recall": _ratio(right, support),
        "f1": _ratio(2 * right, support + guessed),
    }
    return [
        {name: float(values[number]) for name, values in columns.items()} for number in range(count)
    ]


def majority(measure: Measure, train_truth: Numbers, num_utterances: int) -> Numbers:
    """Predictions that are always the commonest class of the training part, or its mean."""
    known = train_truth[measure.known(train_truth)]
    if measure.classes is None:
        return np.full(num_utterances, known.mean())
    counts = np.bincount(known.astype(int), minlength=len(measure.classes))
    return np.tile(np.eye(len(measure.classes))[counts.argmax()], (num_utterances, 1))


def over_seeds(seeds: Sequence[float]) -> dict[str, float | list[float]]:
    """Mean and sample standard deviation (0 for one seed) of a figure, and each seed's value."""
    std = float(np.std(seeds, ddof=1)) if len(seeds) > 1 else 0.0
    return {"mean": float(np.mean(seeds)), "std": std, "seeds": [float(value) for value in seeds]}
