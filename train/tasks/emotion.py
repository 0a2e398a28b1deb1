"""Emotion: one class out of those that the labels name, by cross-entropy."""

from collections.abc import Sequence
from typing import Any, Literal

import torch
from torch import Tensor, nn

from features.manifest import Label

IGNORED = -100
RANGES = {"label_smoothing": (0, 1)}


def facts(train: Sequence[Label], dev: Sequence[Label]) -> dict[str, Any]:
    """The classes, sorted by name, and how often each occurs in the training part."""
    named = [label.emotion for label in train if label.emotion is not None]
    classes = sorted({*named, *(label.emotion for label in dev if label.emotion is not None)})
    return {"classes": classes, "counts": [named.count(name) for name in classes]}


def truth(label: Label) -> str | None:
    """What the task is to predict of an utterance, or None where it is not labelled."""
    return label.emotion


class Task(nn.Module):
    """A linear layer over the classes.

    `class_weights: balanced` weighs each class by the inverse of its frequency in the training
    labels, one that occurs in dev alone not at all. Labels that are None count for nothing.
    """

    def __init__(
        self,
        in_dim: int,
        task_facts: dict[str, Any],
        *,
        class_weights: Literal["none", "balanced"] = "none",
        label_smoothing: float = 0.0,
    ) -> None:
        super().__init__()
        self.classes: list[str] = task_facts["classes"]
        self.label_smoothing = label_smoothing
        self.output = nn.Linear(in_dim, len(self.classes))
        counts = torch.tensor(task_facts["counts"], dtype=torch.float32)
        seen = counts > 0
        weights = torch.where(seen, counts.sum() / (seen.sum() * counts.clamp_min(1)), 0.0)
        weights = weights if class_weights == "balanced" else torch.ones_like(counts)
        self.register_buffer("class_weights", weights, persistent=False)

    def targets(self, labels: Sequence[Label]) -> Tensor:
        """Class numbers `(N,)`, int64."""
        numbers = {name: number for number, name in enumerate(self.classes)}
        return torch.tensor([numbers.get(label.emotion or "", IGNORED) for label in labels])

    def forward(self, fused: Tensor) -> Tensor:
        logits: Tensor = self.output(fused)
        return logits

    def loss(self, logits: Tensor, targets: Tensor) -> Tensor:
        """Mean cross-entropy of the labelled utterances; 0 where there is none."""
        labelled = targets != IGNORED
        if not bool(labelled.any()):
            return logits.sum() * 0.0
        return nn.functional.cross_entropy(
            logits[labelled],
            targets[labelled],
            weight=self.class_weights,  # type: ignore[arg-type]
            label_smoothing=self.label_smoothing,
        )

    def predict(self, logits: Tensor) -> list[dict[str, Any]]:
        """Per utterance the likeliest class and the probability of each."""
        probabilities = logits.softmax(dim=1)
        return [
            {
                "predicted": self.classes[int(row.argmax())],
                "probabilities": dict(
                    zip(self.classes, [round(float(p), 6) for p in row], strict=True)
                ),
            }
            for row in probabilities
        ]
