"""InfoNCE: modalities of one utterance attract each other, those of different ones repel.

Van den Oord et al. (2018), between modalities as in Radford et al. (2021).
"""

from collections.abc import Mapping, Sequence
from itertools import combinations
from typing import Any

import torch
from torch import Tensor, nn

from features.manifest import Label
from train.data.masking import masked_mean
from train.model.contracts import Encoded
from train.model.losses import weighted_mean

RANGES = {"weight": (0, None), "temperature": (0.001, 100), "width": (1, None)}
MIN_MODALITIES = 2


class Objective(nn.Module):
    """The mean loss, over all pairs of modalities, of identifying the partner within the batch.

    Modalities are the means of their encoded steps, projected to `width` numbers. Utterances that
    lack one of the two count for nothing, and so does a batch with fewer than two that have both.
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
    ) -> None:
        super().__init__()
        self.weight, self.temperature = weight, temperature
        self.projections = nn.ModuleDict({name: nn.Linear(dim, width) for name in modalities})

    @staticmethod
    def facts(train: Sequence[Label]) -> dict[str, Any]:
        """What the objective takes from the training labels: nothing."""
        return {}

    def targets(self, labels: Sequence[Label]) -> Tensor:
        """The objective needs no label."""
        return torch.zeros(len(labels))

    def forward(self, encoded: Encoded, targets: Tensor) -> Tensor:
        vectors = {
            name: nn.functional.normalize(project(masked_mean(encoded.tracks[name])), dim=1)
            for name, project in self.projections.items()
        }
        losses = []
        for one, other in combinations(vectors, 2):
            both = encoded.tracks[one].present & encoded.tracks[other].present
            alike = vectors[one] @ vectors[other].T / self.temperature
            partners = torch.arange(len(alike), device=alike.device)
            weights = both.to(alike.dtype) * (both.sum() >= 2)
            for table in (alike, alike.T):
                logits = table.masked_fill(~both, torch.finfo(table.dtype).min)
                losses_of_rows = nn.functional.cross_entropy(logits, partners, reduction="none")
                # The partner of one that lacks it is hidden, and counts for nothing.
                losses.append(weighted_mean(torch.where(both, losses_of_rows, 0.0), weights) / 2)
        return torch.stack(losses).sum() / (len(vectors) * (len(vectors) - 1) / 2)
