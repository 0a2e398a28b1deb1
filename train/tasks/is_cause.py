"""Whether an utterance causes an emotion in its dialogue, its own or another's."""

from collections.abc import Sequence
from typing import Any

from features.manifest import Label
from train.scoring.class_measure import ClassMeasure
from train.tasks._classes import ClassTask, class_facts

KIND = "classes"
RANGES = {"label_smoothing": (0, 1), "focal_gamma": (0, None), "weight": (0, None)}


def facts(train: Sequence[Label]) -> dict[str, Any]:
    """What the task takes from the training labels."""
    return class_facts("is_cause", train)


def measures(task_facts: dict[str, Any]) -> list[ClassMeasure]:
    """What it predicts."""
    return [ClassMeasure("is_cause", tuple(task_facts["classes"]))]


class Task(ClassTask):
    """See `ClassTask`."""

    name = "is_cause"
