"""Valence, arousal and dominance: those of them that the labels give, as numbers."""

from collections.abc import Sequence
from typing import Any, Literal

from features.manifest import Label
from train.tasks._numbers import NumberTask, number_facts

KIND = "numbers"
NAMES = ("valence", "arousal", "dominance")
RANGES = {"weight": (0, None)}


def facts(train: Sequence[Label]) -> dict[str, Any]:
    """What the task takes from the training labels."""
    return number_facts(NAMES, train)


def measures(task_facts: dict[str, Any]) -> dict[str, list[str] | None]:
    """What it predicts, by name: numbers, which have no classes."""
    return dict.fromkeys(task_facts)


class Task(NumberTask):
    """See `NumberTask`."""

    def __init__(
        self,
        in_dim: int,
        task_facts: dict[str, Any],
        *,
        loss: Literal["mse", "rmse", "mae", "huber", "ccc"] = "ccc",
        weight: float = 1.0,
    ) -> None:
        super().__init__(in_dim, task_facts, loss, weight)
