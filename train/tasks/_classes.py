"""What tasks with classes have in common."""

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Literal

import torch
from torch import Tensor, nn

from features.manifest import Label
from train.model.contracts import Encoded
from train.model.losses import TINY, focal
from train.scoring.class_measure import ClassMeasure
from train.scoring.measure import UNKNOWN

KIND = "classes"
RANGES = {"label_smoothing": (0, 1), "focal_gamma": (0, None), "weight": (0, None)}


class ClassTask(nn.Module):
    """A linear layer over the classes of a label, trained by (focal) cross-entropy.

    `label` is the field of the labels, `task` the name in params.yaml where it is another one.
    `class_weights: balanced` weighs each class by the inverse of its frequency in the training
    labels. `focal_gamma` above 0 gives less weight to utterances that are classified well. `weight`
    multiplies the loss among those of several tasks. Utterances without a label count for nothing.
    """

    label: ClassVar[str]
    task: ClassVar[str | None] = None
    class_weights: Tensor

    def __init__(
        self,
        in_dim: int,
        facts: Mapping[str, Any],
        *,
        class_weights: Literal["none", "balanced"] = "none",
        label_smoothing: float = 0.0,
        focal_gamma: float = 0.0,
        weight: float = 1.0,
    ) -> None:
        super().__init__()
        self.classes: list[str] = facts["classes"]
        self.label_smoothing, self.focal_gamma, self.weight = label_smoothing, focal_gamma, weight
        self.output = nn.Linear(in_dim, len(self.classes))
        counts = torch.tensor(facts["counts"], dtype=torch.float32)
        weights = counts.sum() / (len(counts) * counts.clamp_min(1))
        weights = weights if class_weights == "balanced" else torch.ones_like(counts)
        self.register_buffer("class_weights", weights, persistent=False)

    @classmethod
    def facts(cls, train: Sequence[Label]) -> dict[str, Any]:
        """The classes, sorted by name, and how often each occurs in the training split."""
        names = [name for label in train if (name := getattr(label, cls.label)) is not None]
        classes = sorted(set(names))
        return {"classes": classes, "counts": [names.count(name) for name in classes]}

    @classmethod
    def measures(cls, facts: Mapping[str, Any]) -> list[ClassMeasure]:
        """The label's class."""
        return [ClassMeasure(cls.label, tuple(facts["classes"]), cls.task)]

    def targets(self, labels: Sequence[Label]) -> Tensor:
        """Class numbers `(N,)`, int64, UNKNOWN where there is no label."""
        numbers = {name: number for number, name in enumerate(self.classes)}
        return torch.tensor([numbers.get(getattr(x, self.label), UNKNOWN) for x in labels])

    def forward(self, encoded: Encoded) -> Tensor:
        logits: Tensor = self.output(encoded.fused)
        return logits

    def loss(self, output: Tensor, targets: Tensor, scale: Tensor | None = None) -> Tensor:
        """The mean over the labelled utterances, weighed by `scale` as well; 0 without any."""
        # No utterance is picked out: a GPU would have to say first how many there are.
        counted = (targets != UNKNOWN).to(output.dtype)
        counted = counted if scale is None else counted * scale
        classes = targets.clamp_min(0)
        losses = focal(output, classes, self.class_weights, self.label_smoothing, self.focal_gamma)
        total_weight = (counted * self.class_weights[classes]).sum()
        return (counted * losses).sum() / total_weight.clamp_min(TINY)

    def select_on_dev(self, output: Tensor, labels: Sequence[Label]) -> None:
        """Nothing is selected."""

    def predict(self, output: Tensor) -> dict[str, Tensor]:
        """Per utterance the probability of each class, `(N, C)`."""
        return {self.label: output.double().softmax(dim=1)}
