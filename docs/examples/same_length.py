"""Fused vectors of about the same length, so that no utterance dominates (after Ring loss)."""

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from features.manifest import Label
from train.model.contracts import Encoded

RANGES = {"weight": (0, None)}


class Objective(nn.Module):
    """The variance of the vectors' lengths within a batch, 0 for one utterance."""

    def __init__(
        self,
        dim: int,
        hidden: int,
        modalities: Sequence[str],
        facts: Mapping[str, Any],
        *,
        weight: float = 0.01,
    ) -> None:
        super().__init__()
        self.weight = weight
        self.target = nn.Parameter(torch.ones(()))

    @staticmethod
    def facts(train: Sequence[Label]) -> dict[str, Any]:
        """Nothing."""
        return {}

    def targets(self, labels: Sequence[Label]) -> Tensor:
        """No label is needed."""
        return torch.zeros(len(labels))

    def forward(self, encoded: Encoded, targets: Tensor) -> Tensor:
        lengths = encoded.fused.norm(dim=1) / encoded.fused.shape[1] ** 0.5
        several = float(len(lengths) > 1)
        loss: Tensor = several * (lengths - self.target).square().mean()
        return loss
