"""What tasks with classes have in common."""

from collections.abc import Sequence
from typing import Any, Literal

import torch
from torch import Tensor, nn

from features.manifest import Label
from train.model.contracts import Encoded
from train.model.losses import TINY, focal
from train.scoring.measure import UNKNOWN


def class_facts(name: str, train: Sequence[Label]) -> dict[str, Any]:
    """The classes, sorted by name, and how often each occurs in the training part."""
    named = [value for label in train if (value := getattr(label, name)) is not None]
    classes = sorted(set(named))
    return {"classes": classes, "counts": [named.count(value) for value in classes]}


class ClassTask(nn.Module):
    """A linear layer over the classes of the label `name`, trained by (focal) cross-entropy.

    `class_weights: balanced` weighs each class by the inverse of its frequency in the training
    labels. `focal_gamma` above 0 looks away from what is known well. `weight` multiplies the loss
    among those of several tasks. Utterances without a label count for nothing.
    """

    name: str

    def __init__(
        self,
        in_dim: int,
        task_facts: dict[str, Any],
        *,
        class_weights: Literal["none", "balanced"] = "none",
        label_smoothing: float = 0.0,
        focal_gamma: float = 0.0,
        weight: float = 1.0,
    ) -> None:
        super().__init__()
        self.classes: list[str] = task_facts["classes"]
        self.label_smoothing, self.focal_gamma, self.weight = label_smoothing, focal_gamma, weight
        self.output = nn.Linear(in_dim, len(self.classes))
        counts = torch.tensor(task_facts["counts"], dtype=torch.float32)
        weights = counts.sum() / (len(counts) * counts.clamp_min(1))
        weights = weights if class_weights == "balanced" else torch.ones_like(counts)
        self.register_buffer("class_weights", weights, persistent=False)

    def targets(self, labels: Sequence[Label]) -> Tensor:
        """Class numbers `(N,)`, int64, UNKNOWN where there is no label."""
        numbers = {name: number for number, name in enumerate(self.classes)}
        return torch.tensor([numbers.get(getattr(x, self.name), UNKNOWN) for x in labels])

    def forward(self, encoded: Encoded) -> Tensor:
        logits: Tensor = self.output(encoded.fused)
        return logits

    def loss(self, logits: Tensor, targets: Tensor, scale: Tensor | None = None) -> Tensor:
        """The mean over the labelled utterances, weighed by `scale` as well; 0 without any."""
        # No utterance is picked out: a GPU would have to say first how many there are.
        counted = (targets != UNKNOWN).to(logits.dtype)
        counted = counted if scale is None else counted * scale
        weights: Tensor = self.class_weights  # type: ignore[assignment]
        classes = targets.clamp_min(0)
        each = focal(logits, classes, weights, self.label_smoothing, self.focal_gamma)
        return (counted * each).sum() / (counted * weights[classes]).sum().clamp_min(TINY)

    def settle(self, output: Tensor, labels: Sequence[Label]) -> None:
        """There is nothing to choose on dev."""

    def predict(self, logits: Tensor) -> dict[str, Tensor]:
        """Per utterance the probability of each class, `(N, C)`."""
        return {self.name: logits.double().softmax(dim=1)}
