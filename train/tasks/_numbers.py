"""What tasks with numbers have in common."""

import math
from collections.abc import Sequence
from typing import Any, Literal

import torch
from torch import Tensor, nn

from features.manifest import Label
from train.model.contracts import Encoded
from train.model.losses import NUMBER_LOSSES

LEAST_DEVIATION = 1e-6


def number_facts(names: Sequence[str], train: Sequence[Label]) -> dict[str, Any]:
    """The numbers that occur in the training part, with mean and standard deviation of each."""
    told: dict[str, Any] = {}
    for name in names:
        values = [value for label in train if (value := getattr(label, name)) is not None]
        if values:
            mean = math.fsum(values) / len(values)
            variance = math.fsum((value - mean) ** 2 for value in values) / len(values)
            told[name] = {"mean": mean, "std": max(math.sqrt(variance), LEAST_DEVIATION)}
    return told


class NumberTask(nn.Module):
    """A linear layer with one output per number, trained on standardised labels.

    `weight` multiplies the loss among those of several tasks. Numbers that an utterance is not
    labelled with count for nothing.
    """

    def __init__(
        self,
        in_dim: int,
        task_facts: dict[str, Any],
        *,
        loss: Literal["mse", "rmse", "mae", "huber", "ccc"] = "mse",
        weight: float = 1.0,
    ) -> None:
        super().__init__()
        self.names = list(task_facts)
        self.weight = weight
        self.criterion = NUMBER_LOSSES[loss]
        self.output = nn.Linear(in_dim, len(self.names))
        for which in ("mean", "std"):
            values = torch.tensor([task_facts[name][which] for name in self.names])
            self.register_buffer(which, values, persistent=False)

    def targets(self, labels: Sequence[Label]) -> Tensor:
        """Standardised values `(N, numbers)`, NaN where there is no label."""
        rows = [[getattr(label, name) for name in self.names] for label in labels]
        values = torch.tensor([[math.nan if v is None else float(v) for v in row] for row in rows])
        standardised: Tensor = (values - self.mean) / self.std  # type: ignore[operator]
        return standardised

    def forward(self, encoded: Encoded) -> Tensor:
        values: Tensor = self.output(encoded.fused)
        return values

    def loss(self, values: Tensor, targets: Tensor, scale: Tensor | None = None) -> Tensor:
        """The sum over the numbers of the mean loss of the labelled utterances; 0 without any.

        In a mean each utterance weighs as its `scale` says.
        """
        labelled = targets.isfinite()
        truth = torch.where(labelled, targets, 0.0)
        weights = labelled.to(values.dtype) if scale is None else labelled * scale[:, None]
        losses = [
            self.criterion(values[:, n], truth[:, n], weights[:, n]) * labelled[:, n].any()
            for n in range(len(self.names))
        ]
        return torch.stack(losses).sum()

    def settle(self, output: Tensor, labels: Sequence[Label]) -> None:
        """There is nothing to choose on dev."""

    def predict(self, values: Tensor) -> dict[str, Tensor]:
        """Per number the predictions `(N,)` in its own units."""
        restored = values.double() * self.std.cpu() + self.mean.cpu()  # type: ignore[operator]
        return {name: restored[:, number] for number, name in enumerate(self.names)}
