"""What changes from epoch to epoch: the share of easy utterances, and dropout."""

import math

import torch
from torch import Tensor, nn

from features.specs.training import CurriculumSpec, TrainingSpec
from train.data.batches import num_steps


def share_of(spec: CurriculumSpec | None, epoch: int) -> float:
    """The share of the training split, easiest first, that an epoch (from 1) is trained on.

    A curriculum (Bengio et al. 2009): it grows from `start` to 1 over `epochs` epochs, linearly,
    with its square growing linearly (square-root, Platanios et al. 2019), or by the same factor
    every epoch (exponential).
    """
    if spec is None:
        return 1.0
    done = min(1.0, (epoch - 1) / spec.epochs)
    if spec.pacing == "linear":
        return spec.start + (1 - spec.start) * done
    if spec.pacing == "square-root":
        return math.sqrt(spec.start**2 + (1 - spec.start**2) * done)
    return float(spec.start ** (1 - done))


def num_scheduled(spec: CurriculumSpec | None, epoch: int, num_utterances: int) -> int:
    """How many utterances an epoch is trained on, at least one."""
    return max(1, round(share_of(spec, epoch) * num_utterances))


def epoch_steps(training: TrainingSpec, num_items: int) -> list[int]:
    """Steps of the optimiser in each epoch, of so many items to draw batches from."""
    return [
        num_steps(
            num_scheduled(training.curriculum, epoch, num_items),
            training.batch_size,
            training.accumulate,
        )
        for epoch in range(1, training.epochs + 1)
    ]


def easiest(difficulty: Tensor | None, count: int, num_utterances: int) -> Tensor:
    """The rows of the easiest utterances, in their own order."""
    if difficulty is None or count == num_utterances:
        return torch.arange(num_utterances)
    return torch.argsort(difficulty, stable=True)[:count].sort().values


def dropout_at(training: TrainingSpec, dropout: float, epoch: int) -> float:
    """The dropout of an epoch (from 1): that of the head, later rising linearly to `to`."""
    later = training.raise_dropout
    if later is None or epoch <= later.after:
        return dropout
    done = (epoch - later.after) / (training.epochs - later.after)
    return dropout + (later.to - dropout) * done


def set_dropout(network: nn.Module, dropout: float) -> None:
    """Set the dropout of every layer that has some."""
    for module in network.modules():
        if isinstance(module, nn.Dropout):
            module.p = dropout
        elif isinstance(module, nn.MultiheadAttention) or (
            isinstance(module, nn.RNNBase) and module.num_layers > 1
        ):
            module.dropout = dropout
