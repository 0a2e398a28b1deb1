"""Supervised contrastive loss: pulls utterances of one class together (Khosla et al. 2020)."""

from collections.abc import Mapping, Sequence
from typing import Any, Literal

import torch
from torch import Tensor, nn

from features.manifest import Label
from train.model.contracts import Encoded
from train.objectives._classes import classes_by_label
from train.scoring.measure import UNKNOWN

RANGES = {"weight": (0, None), "temperature": (0.001, 100), "width": (1, None)}


class Objective(nn.Module):
    """The mean, over utterances with a partner of their class in the batch, of the loss `L_out`.

    It is taken on the fused vectors, projected to `width` numbers. Utterances without the label
    `label` count for nothing.
    """

    def __init__(
        self,
        dim: int,
        hidden: int,
        modalities: Sequence[str],
        facts: Mapping[str, Any],
        *,
        weight: float = 0.1,
        temperature: float = 0.1,
        width: int = 64,
        label: Literal["emotion", "sentiment", "depression"] = "emotion",
    ) -> None:
        super().__init__()
        if len(facts[label]) < 2:
            raise ValueError(f"an objective needs two classes of {label!r} in the training split")
        self.weight, self.temperature, self.label = weight, temperature, label
        self.numbers = {name: number for number, name in enumerate(facts[label])}
        self.project = nn.Linear(hidden, width)

    @staticmethod
    def facts(train: Sequence[Label]) -> dict[str, Any]:
        """The classes of every label that the objective may be told to use."""
        return {**classes_by_label(train)}

    def targets(self, labels: Sequence[Label]) -> Tensor:
        """Class numbers `(N,)`, UNKNOWN where there is no label."""
        return torch.tensor([self.numbers.get(getattr(x, self.label), UNKNOWN) for x in labels])

    def forward(self, encoded: Encoded, targets: Tensor) -> Tensor:
        labelled = targets != UNKNOWN
        vectors = nn.functional.normalize(self.project(encoded.fused), dim=1)
        itself = torch.eye(len(vectors), dtype=torch.bool, device=vectors.device)
        others = labelled[:, None] & labelled & ~itself
        partners = (targets[:, None] == targets) & others
        alike = vectors @ vectors.T / self.temperature
        alike = alike.masked_fill(~others, torch.finfo(alike.dtype).min)
        likely = alike.log_softmax(dim=1).masked_fill(~partners, 0.0).sum(dim=1)
        count = partners.sum(dim=1)
        return -(likely / count.clamp_min(1)).sum() / (count > 0).sum().clamp_min(1)
