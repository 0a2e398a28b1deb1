"""Holds predictions against labels, task by task."""

from collections.abc import Mapping, Sequence
from typing import Any

from features.leaves import load_leaf
from features.manifest import Label, Split
from features.specs import HeadSpec
from train.metrics import Scores, class_scores, majority_scores

# Per task one prediction for each utterance of a part, in its order.
Predictions = Mapping[str, Sequence[Mapping[str, Any]]]
Parts = Mapping[Split, Sequence[Label]]


def class_pairs(
    spec: HeadSpec, task: str, labels: Sequence[Label], predictions: Predictions
) -> list[tuple[str, str]]:
    """Truth and prediction of every utterance that is labelled for the task."""
    truth = load_leaf("train/tasks", spec.tasks[task].code).truth
    return [
        (truth(label), prediction["predicted"])
        for label, prediction in zip(labels, predictions[task], strict=True)
        if truth(label) is not None
    ]


def part_scores(
    spec: HeadSpec, predictions: Predictions, labels: Sequence[Label]
) -> dict[str, Scores]:
    """The metrics of each task over the labelled utterances of a part."""
    scores = {}
    for task in spec.tasks:
        pairs = class_pairs(spec, task, labels, predictions)
        scores[task] = class_scores([true for true, _ in pairs], [guess for _, guess in pairs])
    return scores


def baseline_scores(spec: HeadSpec, parts: Parts) -> dict[str, Scores]:
    """The metrics on test of always predicting the commonest class of the training part."""
    scores = {}
    for task, leaf in spec.tasks.items():
        truth = load_leaf("train/tasks", leaf.code).truth
        known = {
            split: [name for name in map(truth, parts[split]) if name is not None]
            for split in ("train", "test")
        }
        scores[task] = majority_scores(known["train"], known["test"])
    return scores
