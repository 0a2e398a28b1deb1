"""Random batches of utterances of similar length."""

import math

import torch
from torch import Tensor

# Batches are cut from runs of this many batches' worth of shuffled, then sorted utterances.
BUCKET_BATCHES = 16


def bucketed(costs: Tensor, batch_size: int, shuffle: torch.Generator) -> list[Tensor]:
    """Random batches of similar cost: all rows once, in a new order at every call."""
    order = torch.randperm(len(costs), generator=shuffle)
    batches: list[Tensor] = []
    for run in order.split(batch_size * BUCKET_BATCHES):
        batches += run[torch.argsort(costs[run], stable=True)].split(batch_size)
    return [batches[place] for place in torch.randperm(len(batches), generator=shuffle)]


def num_steps(num_utterances: int, batch_size: int, accumulate: int) -> int:
    """How many steps of the optimiser an epoch takes."""
    return math.ceil(math.ceil(num_utterances / batch_size) / accumulate)
