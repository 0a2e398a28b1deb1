"""Arousal alone, as a number, with a loss that grows slowly where an utterance is far off."""

from collections.abc import Mapping
from typing import Any

from torch import Tensor

from train.model.losses import weighted_mean
from train.tasks._numbers import KIND, NumberTask

__all__ = ["KIND", "RANGES", "Task"]
RANGES = {"scale": (0.01, 100), "weight": (0, None)}


class Task(NumberTask):
    """`scale` is the error, in standard deviations of the labels, from which on it is far off."""

    task = "arousal"
    labels = ("arousal",)

    def __init__(
        self, in_dim: int, facts: Mapping[str, Any], *, scale: float = 1.0, weight: float = 1.0
    ) -> None:
        super().__init__(in_dim, facts, weight=weight)

        def cauchy(predicted: Tensor, truth: Tensor, weights: Tensor) -> Tensor:
            return weighted_mean((((predicted - truth) / scale) ** 2).log1p(), weights)

        self.criterion = cauchy
