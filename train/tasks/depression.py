"""Depression: whether the speaker scores 10 or more on PHQ-8, as a class."""

from collections.abc import Sequence
from typing import Any

from features.manifest import Label
from train.scoring.class_measure import ClassMeasure
from train.tasks._classes import ClassTask, class_facts

KIND = "classes"
RANGES = {"label_smoothing": (0, 1), "focal_gamma": (0, None), "weight": (0, None)}


def facts(train: Sequence[Label]) -> dict[str, Any]:
    """What the task takes from the training labels."""
    return class_facts("depression", train)


def measures(task_facts: dict[str, Any]) -> list[ClassMeasure]:
    """What it predicts."""
    return [ClassMeasure("depression", tuple(task_facts["classes"]))]


class Task(ClassTask):
    """See `ClassTask`."""

    name = "depression"
