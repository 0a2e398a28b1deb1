"""Easy utterances first: how much of the training part each epoch sees (Bengio et al. 2009)."""

import math

import torch
from torch import Tensor

from features.specs.training import CurriculumSpec


def share_of(spec: CurriculumSpec | None, epoch: int) -> float:
    """The share of the training part, easiest first, that an epoch (from 1) sees.

    It grows from `start` to 1 over `epochs` epochs: on a line, on a line of its squares (square
    root, Platanios et al. 2019), or by the same factor every epoch (exponential).
    """
    if spec is None:
        return 1.0
    done = min(1.0, (epoch - 1) / spec.epochs)
    if spec.pacing == "linear":
        return spec.start + (1 - spec.start) * done
    if spec.pacing == "square-root":
        return math.sqrt(spec.start**2 + (1 - spec.start**2) * done)
    return float(spec.start ** (1 - done))


def num_seen(spec: CurriculumSpec | None, epoch: int, num_utterances: int) -> int:
    """How many utterances an epoch sees, one at least."""
    return max(1, round(share_of(spec, epoch) * num_utterances))


def easiest(difficulty: Tensor | None, count: int, num_utterances: int) -> Tensor:
    """The rows of the easiest utterances, in their own order."""
    if difficulty is None or count == num_utterances:
        return torch.arange(num_utterances)
    return torch.argsort(difficulty, stable=True)[:count].sort().values
