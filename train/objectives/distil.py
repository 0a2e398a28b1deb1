"""Distillation: a head learns from the class probabilities of another one (Hinton et al. 2015).

`from` is the head that teaches, such as one that reads more modalities. It answers the training
utterances of the same fold; both probabilities are softened by `temperature`.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Literal

import torch
from torch import Tensor, nn

from features.manifest import Label
from train.model.contracts import Encoded
from train.model.losses import weighted_mean
from train.objectives._classes import classes_by_label

RANGES = {"weight": (0, None), "temperature": (0.01, 100)}


class Objective(nn.Module):
    """The divergence of what the head says of `task` from what the teacher says of it.

    It is multiplied by the square of the temperature, so that gradients are of the same size at any
    of them. Utterances of which the teacher says nothing (NaN) count for nothing.
    """

    def __init__(
        self,
        dim: int,
        hidden: int,
        modalities: Sequence[str],
        facts: Mapping[str, Any],
        *,
        from_: str = "main",
        weight: float = 1.0,
        temperature: float = 2.0,
        task: Literal["emotion", "sentiment", "depression"] = "emotion",
    ) -> None:
        super().__init__()
        self.weight, self.temperature, self.task = weight, temperature, task
        self.numbers = {name: number for number, name in enumerate(facts[task])}

    @staticmethod
    def facts(train: Sequence[Label]) -> dict[str, Any]:
        """The classes of every task that may be taught."""
        return {**classes_by_label(train)}

    def targets(self, labels: Sequence[Label]) -> Tensor:
        """The answers `(N, C)` of a teacher that knows the labels; a run takes those of its own."""
        said = torch.full((len(labels), len(self.numbers)), float("nan"))
        for row, label in enumerate(labels):
            number = self.numbers.get(str(getattr(label, self.task)))
            if number is not None:
                said[row] = torch.eye(len(self.numbers))[number]
        return said

    def forward(self, encoded: Encoded, targets: Tensor) -> Tensor:
        is_said = targets.isfinite().all(dim=1)
        answers = torch.where(is_said[:, None], targets, 1 / targets.shape[1])
        teacher = (answers.clamp_min(1e-12).log() / self.temperature).log_softmax(dim=1)
        student = (encoded.outputs[self.task] / self.temperature).log_softmax(dim=1)
        each = (teacher.exp() * (teacher - student)).sum(dim=1)
        return weighted_mean(each, is_said.to(each.dtype)) * self.temperature**2
