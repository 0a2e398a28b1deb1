"""Classes that are rare: what is added to the logits of a task, in training or afterwards.

Logit adjustment by the prior of the training split (Menon et al. 2021) with a strength selected on
the dev set, balanced softmax (Ren et al. 2020), or an offset for each class, selected on the dev
set.
"""

from collections.abc import Sequence
from typing import Literal

import numpy as np
import torch
from torch import Tensor, nn

from features.manifest import Label
from train.scoring.class_measure import ClassMeasure
from train.scoring.measure import Numbers
from train.scoring.metrics import scores

Imbalance = Literal["none", "logit-adjustment", "balanced-softmax", "thresholds"]
STRENGTHS = [step / 10 for step in range(21)]
# Offsets that are tried for one class at a time, and how often all classes are gone through.
OFFSETS = [step / 5 for step in range(-10, 11)]
ROUNDS = 3


class Adjustment(nn.Module):
    """Offsets of logits `(C,)`: `in_training` those of the loss, `offsets` those of predictions.

    `counts` are those of the classes in the training split. What is selected on dev is selected by
    macro F1.
    """

    offsets: Tensor
    log_prior: Tensor

    def __init__(self, kind: Imbalance, counts: Tensor) -> None:
        super().__init__()
        self.kind = kind
        prior = counts.clamp_min(1) / counts.clamp_min(1).sum()
        self.register_buffer("log_prior", prior.log(), persistent=False)
        self.register_buffer("offsets", torch.zeros_like(prior))

    @property
    def in_training(self) -> Tensor:
        """What the loss adds to the logits."""
        is_balanced = self.kind == "balanced-softmax"
        return self.log_prior if is_balanced else torch.zeros_like(self.log_prior)

    def select(self, measure: ClassMeasure, logits: Tensor, labels: Sequence[Label]) -> None:
        """Select the offsets by macro F1 on the dev set."""
        if self.kind == "balanced-softmax":
            return
        truth, values = measure.truth(labels), logits.double().cpu().numpy()
        prior = self.log_prior.double().cpu().numpy()

        def figure(offsets: Numbers) -> float:
            return scores(measure, truth, values + offsets)["macro_f1"]

        if self.kind == "logit-adjustment":
            chosen = max((-strength * prior for strength in STRENGTHS), key=figure)
        else:
            chosen = np.zeros_like(prior)
            for place in list(range(len(prior))) * ROUNDS:
                tried = [_moved(chosen, place, offset) for offset in [chosen[place], *OFFSETS]]
                chosen = max(tried, key=figure)
        self.offsets.copy_(torch.from_numpy(chosen))


def _moved(offsets: Numbers, place: int, offset: float) -> Numbers:
    moved = offsets.copy()
    moved[place] = offset
    return moved
