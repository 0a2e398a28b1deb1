"""Speaker-adversarial loss: the fused vector must not reveal the speaker (Ganin et al. 2016).

A linear layer learns to classify the speaker; its gradient is reversed on the way back, so that the
head learns to make that impossible.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from features.errors import ProjectError
from features.manifest import Label
from train.model.contracts import Encoded
from train.model.losses import weighted_mean
from train.scoring.measure import UNKNOWN

RANGES = {"weight": (0, None), "reversal": (0, None)}


class Objective(nn.Module):
    """The cross-entropy of the speakers; `reversal` times its gradient is reversed for the head.

    Utterances without a speaker count for nothing.
    """

    def __init__(
        self,
        dim: int,
        hidden: int,
        modalities: Sequence[str],
        facts: Mapping[str, Any],
        *,
        weight: float = 0.1,
        reversal: float = 1.0,
    ) -> None:
        super().__init__()
        self.weight, self.reversal = weight, reversal
        self.numbers = {name: number for number, name in enumerate(facts["speakers"])}
        self.output = nn.Linear(hidden, len(self.numbers))

    @staticmethod
    def facts(train: Sequence[Label]) -> dict[str, Any]:
        """The speakers of the training split; ProjectError where there are fewer than two."""
        speakers = sorted({label.speaker for label in train if label.speaker is not None})
        if len(speakers) < 2:
            raise ProjectError(
                f"'speaker-adversarial' needs two speakers, but the training split has "
                f"{len(speakers)}; leave it out"
            )
        return {"speakers": speakers}

    def targets(self, labels: Sequence[Label]) -> Tensor:
        """Speaker numbers `(N,)`, UNKNOWN without a speaker."""
        return torch.tensor([self.numbers.get(str(label.speaker), UNKNOWN) for label in labels])

    def forward(self, encoded: Encoded, targets: Tensor) -> Tensor:
        labelled = (targets != UNKNOWN).to(encoded.fused.dtype)
        logits: Tensor = self.output(_Reversed.apply(encoded.fused, self.reversal))
        each = nn.functional.cross_entropy(logits, targets.clamp_min(0), reduction="none")
        return weighted_mean(each, labelled)


class _Reversed(torch.autograd.Function):
    """The identity, with a reversed gradient."""

    @staticmethod
    def forward(context: Any, values: Tensor, strength: float) -> Tensor:
        context.strength = strength
        turned: Tensor = values.view_as(values)
        return turned

    @staticmethod
    def backward(context: Any, *gradients: Tensor) -> tuple[Tensor, None]:
        return -context.strength * gradients[0], None
