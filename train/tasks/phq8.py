"""PHQ-8: the depression score of the speaker, 0 to 24, as a number."""

from collections.abc import Sequence
from typing import Any

from features.manifest import Label
from train.scoring.number_measure import NumberMeasure
from train.tasks._numbers import NumberTask, number_facts

KIND = "numbers"
RANGES = {"weight": (0, None)}


def facts(train: Sequence[Label]) -> dict[str, Any]:
    """What the task takes from the training labels."""
    return number_facts(("phq8",), train)


def measures(task_facts: dict[str, Any]) -> list[NumberMeasure]:
    """What it predicts: those numbers that the training labels give."""
    return [NumberMeasure(name, "phq8") for name in task_facts]


class Task(NumberTask):
    """See `NumberTask`."""
