"""Sets of classes that hold the true one as often as asked for: split conformal prediction.

A class is in the set of an utterance where its probability is at least 1 minus a threshold, the
quantile of 1 minus the probability of the true class on the dev set (Sadinle, Lei and Wasserman
2019). The likeliest class always is, so no set is empty. Utterances of one speaker are not
independent: every group weighs the same in the quantile, and one more group, that of the new
utterance, could be anything (hierarchical conformal prediction, Lee, Barber and Willett 2023).
"""

from collections.abc import Sequence
from typing import Any

import numpy as np

from features.manifest import Label
from train.scoring.class_measure import ClassMeasure
from train.scoring.measure import Numbers
from train.scoring.predictions import RunPredictions

# The coverage whose sets the report shows, and the fewest groups that can promise it.
COVERAGE = 0.9
FEWEST_GROUPS = 10


def unit_of(dev: RunPredictions, test: RunPredictions) -> str:
    """What is exchangeable with what is new: speakers, dialogues, or single utterances.

    The first of them that all dev utterances name, of which there are enough, and which no fold
    has in both its dev and its test set.
    """
    for field in ("speaker", "dialogue"):
        names = {getattr(label, field) for label in dev.labels}
        if None in names or len(names) < FEWEST_GROUPS:
            continue
        folds = dict.fromkeys(test.folds)
        if not any(_names(dev, field, fold) & _names(test, field, fold) for fold in folds):
            return field
    return "utterance"


def _names(predictions: RunPredictions, field: str, fold: str) -> set[str]:
    pairs = zip(predictions.labels, predictions.folds, strict=True)
    return {getattr(label, field) for label, own in pairs if own == fold}


def groups_of(labels: Sequence[Label], unit: str) -> list[str]:
    """The group of each utterance."""
    return [label.id if unit == "utterance" else getattr(label, unit) for label in labels]


def conformal_scores(measure: ClassMeasure, dev: RunPredictions, unit: str) -> dict[str, Any]:
    """What sets are made by: 1 minus the probability of the true class, and the group of each.

    `dev` are the predictions of an ensemble.
    """
    truth = measure.truth(dev.labels)
    rows = np.flatnonzero(measure.labelled(truth)).tolist()
    probabilities = dev.predicted[measure.name][0]
    scores = 1 - probabilities[rows, truth[rows].astype(int)]
    names = groups_of([dev.labels[row] for row in rows], unit)
    numbers = {name: number for number, name in enumerate(dict.fromkeys(names))}
    return {
        "unit": unit,
        "scores": [round(float(score), 6) for score in scores],
        "groups": [numbers[name] for name in names],
    }


def threshold(scores: Sequence[float], groups: Sequence[int], coverage: float) -> float:
    """The least score that a share `coverage` of all groups stays below, a new one among them.

    1 (every class is in every set) where there are too few groups to promise it.
    """
    values, numbers = np.asarray(scores, float), np.asarray(groups)
    sizes = np.bincount(numbers)
    num_groups = int((sizes > 0).sum())
    weights = 1 / ((num_groups + 1) * sizes[numbers])
    order = np.argsort(values)
    reached = np.cumsum(weights[order])
    place = int(np.searchsorted(reached, coverage - 1e-12))
    return float(values[order[place]]) if place < len(values) else 1.0


def class_sets(probabilities: Numbers, limit: float) -> Numbers:
    """Which classes are in the set of each utterance, bool `(N, C)`."""
    sets = probabilities >= 1 - limit - 1e-6
    np.put_along_axis(sets, probabilities.argmax(axis=1)[:, None], True, axis=1)
    return np.asarray(sets)


def coverage_on_test(
    measure: ClassMeasure,
    dev: RunPredictions,
    test: RunPredictions,
    unit: str,
) -> dict[str, Any]:
    """How often sets of COVERAGE hold the true class of the test set, and how large they are.

    `dev` and `test` are the predictions of an ensemble. The sets of a fold are calibrated on the
    dev sets of all folds, without the groups that this fold tests.
    """
    truth = measure.truth(test.labels)
    labelled = measure.labelled(truth)
    probabilities = test.predicted[measure.name][0]
    sets = np.zeros(probabilities.shape, bool)
    for fold in dict.fromkeys(test.folds):
        rows = [row for row, name in enumerate(test.folds) if name == fold]
        tested = [test.labels[row] for row in rows]
        limit = _limit(measure, dev, unit, tested)
        sets[rows] = class_sets(probabilities[rows], limit)
    sets, classes = sets[labelled], truth[labelled].astype(int)
    right, sizes = sets[np.arange(len(sets)), classes], sets.sum(axis=1)
    alone = right[sizes == 1]
    return {
        "stated": COVERAGE,
        "unit": unit,
        "measured": float(right.mean()),
        "mean_size": float(sizes.mean()),
        "share_of_one": len(alone) / len(sets),
        "accuracy_of_one": float(alone.mean()) if len(alone) else None,
        "num_utterances": len(sets),
    }


def _limit(measure: ClassMeasure, dev: RunPredictions, unit: str, tested: Sequence[Label]) -> float:
    ids, groups = {label.id for label in tested}, set(groups_of(tested, unit))
    names = groups_of(dev.labels, unit)
    kept = [
        row
        for row, label in enumerate(dev.labels)
        if label.id not in ids and names[row] not in groups
    ]
    scores = conformal_scores(measure, dev.rows(kept), unit)
    return threshold(scores["scores"], scores["groups"], COVERAGE)
