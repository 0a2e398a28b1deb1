"""What tasks with numbers have in common."""

import math
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Literal

import torch
from torch import Tensor, nn

from features.manifest import Label
from train.model.contracts import Encoded
from train.model.losses import NUMBER_LOSSES
from train.scoring.number_measure import NumberMeasure

KIND = "numbers"
RANGES = {"weight": (0, None)}
LEAST_DEVIATION = 1e-6


class NumberTask(nn.Module):
    """A linear layer with one output per number, trained on standardised labels.

    `task` is its name in params.yaml and `labels` the fields it may predict, of which it predicts
    those that the training labels have. `weight` multiplies the loss among those of several tasks.
    Numbers without a label are ignored.
    """

    task: ClassVar[str]
    labels: ClassVar[tuple[str, ...]]
    mean: Tensor
    std: Tensor

    def __init__(
        self,
        in_dim: int,
        facts: Mapping[str, Any],
        *,
        loss: Literal["mse", "rmse", "mae", "huber", "ccc"] = "mse",
        weight: float = 1.0,
    ) -> None:
        super().__init__()
        self.names = list(facts)
        self.weight = weight
        self.criterion = NUMBER_LOSSES[loss]
        self.output = nn.Linear(in_dim, len(self.names))
        for moment in ("mean", "std"):
            values = torch.tensor([facts[name][moment] for name in self.names])
            self.register_buffer(moment, values, persistent=False)

    @classmethod
    def facts(cls, train: Sequence[Label]) -> dict[str, Any]:
        """The numbers that occur in the training split, with mean and deviation of each."""
        moments: dict[str, Any] = {}
        for name in cls.labels:
            values = [value for label in train if (value := getattr(label, name)) is not None]
            if values:
                mean = math.fsum(values) / len(values)
                variance = math.fsum((value - mean) ** 2 for value in values) / len(values)
                moments[name] = {"mean": mean, "std": max(math.sqrt(variance), LEAST_DEVIATION)}
        return moments

    @classmethod
    def measures(cls, facts: Mapping[str, Any]) -> list[NumberMeasure]:
        """Those numbers that the training labels have."""
        return [NumberMeasure(name, cls.task) for name in facts]

    def targets(self, labels: Sequence[Label]) -> Tensor:
        """Standardised values `(N, numbers)`, NaN where there is no label."""
        rows = [[getattr(label, name) for name in self.names] for label in labels]
        values = torch.tensor([[math.nan if v is None else float(v) for v in row] for row in rows])
        return (values - self.mean) / self.std

    def forward(self, encoded: Encoded) -> Tensor:
        values: Tensor = self.output(encoded.fused)
        return values

    def loss(self, output: Tensor, targets: Tensor, scale: Tensor | None = None) -> Tensor:
        """The sum over the numbers of the mean loss of the labelled utterances; 0 without any.

        In a mean each utterance weighs as its `scale` says.
        """
        labelled = targets.isfinite()
        truth = torch.where(labelled, targets, 0.0)
        weights = labelled.to(output.dtype) if scale is None else labelled * scale[:, None]
        losses = [
            self.criterion(output[:, n], truth[:, n], weights[:, n]) * labelled[:, n].any()
            for n in range(len(self.names))
        ]
        return torch.stack(losses).sum()

    def select_on_dev(self, output: Tensor, labels: Sequence[Label]) -> None:
        """Nothing is selected."""

    def predict(self, output: Tensor) -> dict[str, Tensor]:
        """Per number the predictions `(N,)` in its own units."""
        restored = output.double() * self.std.cpu() + self.mean.cpu()
        return {name: restored[:, number] for number, name in enumerate(self.names)}
