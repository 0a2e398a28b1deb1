"""What tasks with classes have in common."""

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Literal

import torch
from torch import Tensor, nn

from features.manifest import Label
from train.model.contracts import Encoded
from train.model.imbalance import Adjustment, Imbalance
from train.model.losses import TINY, focal
from train.scoring.class_measure import ClassMeasure
from train.scoring.measure import UNKNOWN, Measure
from train.scoring.vote_measure import VoteMeasure, vote_shares

KIND = "classes"
RANGES = {"label_smoothing": (0, 1), "focal_gamma": (0, None), "weight": (0, None)}


class ClassTask(nn.Module):
    """A linear layer over the classes of a label, trained by (focal) cross-entropy.

    `label` is the field of the labels, `task` the name in params.yaml where it is another one.
    `class_weights: balanced` weighs each class by the inverse of its frequency in the training
    labels. `focal_gamma` above 0 gives less weight to utterances that are classified well. `weight`
    multiplies the loss among those of several tasks. Utterances without a label are ignored.
    `imbalance` is how rare classes are favoured, see `train.model.imbalance`. `learn: votes` learns
    the distribution of the annotators' votes where an utterance has some, by the cross-entropy with
    it (which differs from the Kullback-Leibler divergence by a constant), and is scored by it too.
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
        imbalance: Imbalance = "none",
        learn: Literal["labels", "votes"] = "labels",
    ) -> None:
        super().__init__()
        self.classes: list[str] = facts["classes"]
        self.label_smoothing, self.focal_gamma, self.weight = label_smoothing, focal_gamma, weight
        self.learn, self.has_votes = learn, "votes" in facts
        self.output = nn.Linear(in_dim, len(self.classes))
        counts = torch.tensor(facts["counts"], dtype=torch.float32)
        weights = counts.sum() / (len(counts) * counts.clamp_min(1))
        weights = weights if class_weights == "balanced" else torch.ones_like(counts)
        self.register_buffer("class_weights", weights, persistent=False)
        self.adjustment = None if imbalance == "none" else Adjustment(imbalance, counts)

    @classmethod
    def facts(cls, train: Sequence[Label]) -> dict[str, Any]:
        """The classes, sorted by name, how often each occurs in the training split, and whether
        there are annotators' votes."""
        names = [name for label in train if (name := getattr(label, cls.label)) is not None]
        classes = sorted(set(names))
        facts = {"classes": classes, "counts": [names.count(name) for name in classes]}
        votes = any(getattr(label, f"{cls.label}_votes", None) for label in train)
        return {**facts, "votes": True} if votes else facts

    @classmethod
    def measures(cls, facts: Mapping[str, Any]) -> list[Measure]:
        """The label's class, and the distribution of votes where there are some."""
        classes = tuple(facts["classes"])
        measure = ClassMeasure(cls.label, classes, cls.task)
        if "votes" not in facts:
            return [measure]
        return [measure, VoteMeasure(cls.label, classes, measure.task)]

    def targets(self, labels: Sequence[Label]) -> Tensor:
        """Class numbers `(N,)`, int64, UNKNOWN where there is no label.

        Where votes are learned their shares `(N, C)`; without votes the class has all of them, and
        NaN stands where there is neither.
        """
        numbers = {name: number for number, name in enumerate(self.classes)}
        classes = torch.tensor([numbers.get(getattr(x, self.label), UNKNOWN) for x in labels])
        if self.learn == "labels":
            return classes
        votes = [getattr(label, f"{self.label}_votes", None) for label in labels]
        shares = torch.tensor([vote_shares(own, self.classes) for own in votes])
        certain = nn.functional.one_hot(classes.clamp_min(0), len(self.classes)).float()
        certain[classes == UNKNOWN] = torch.nan
        return torch.where(shares[:, :1].isnan(), certain, shares)

    def forward(self, encoded: Encoded) -> Tensor:
        logits: Tensor = self.output(encoded.fused)
        return logits

    def loss(self, output: Tensor, targets: Tensor, scale: Tensor | None = None) -> Tensor:
        """The mean over the labelled utterances, weighed by `scale` as well; 0 without any."""
        # Masked, not selected: selecting would wait for the GPU to report how many there are.
        if self.learn == "votes":
            counted = targets[:, 0].isfinite().to(output.dtype)
            truth = targets.nan_to_num()
            weights = truth @ self.class_weights
        else:
            counted = (targets != UNKNOWN).to(output.dtype)
            truth = targets.clamp_min(0)
            weights = self.class_weights[truth]
        counted = counted if scale is None else counted * scale
        if self.adjustment is not None:
            output = output + self.adjustment.in_training
        losses = focal(output, truth, self.class_weights, self.label_smoothing, self.focal_gamma)
        total_weight = (counted * weights).sum()
        return (counted * losses).sum() / total_weight.clamp_min(TINY)

    def select_on_dev(self, output: Tensor, labels: Sequence[Label]) -> None:
        """Select the offsets of logits, where rare classes get some."""
        if self.adjustment is not None:
            measure = ClassMeasure(self.label, tuple(self.classes), self.task)
            self.adjustment.select(measure, output, labels)

    def predict(self, output: Tensor) -> dict[str, Tensor]:
        """Per utterance the probability of each class, `(N, C)`, which stands for votes as well."""
        logits = output.double()
        if self.adjustment is not None:
            logits = logits + self.adjustment.offsets.to(logits)
        probabilities = logits.softmax(dim=1)
        by_measure = {self.label: probabilities}
        return (
            {**by_measure, f"{self.label}_votes": probabilities} if self.has_votes else by_measure
        )
