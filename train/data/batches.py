"""Random batches of utterances of similar length."""

import math

import torch
from torch import Tensor

# Padding may add so much to the steps of an epoch.
PADDING = 0.2
LARGEST_RUN = 64


def bucketed(costs: Tensor, batch_size: int, shuffle: torch.Generator, run: int) -> list[Tensor]:
    """Random batches of similar cost: all rows once, in a new order at every call.

    Rows are shuffled, sorted by cost within every `run` batches' worth of them, and cut.
    """
    order = torch.randperm(len(costs), generator=shuffle)
    batches: list[Tensor] = []
    for rows in order.split(batch_size * run):
        batches += rows[torch.argsort(costs[rows], stable=True)].split(batch_size)
    return [batches[place] for place in torch.randperm(len(batches), generator=shuffle)]


def shortest_run(costs: Tensor, batch_size: int) -> int:
    """The fewest batches' worth of rows that have to be sorted together to keep padding low.

    The length of an utterance often goes with its label, so batches of equal lengths are batches of
    like labels, on which a head learns worse. Nothing is sorted where lengths differ little.
    """
    run = 1
    while run < LARGEST_RUN and _padding(costs, batch_size, run) > PADDING:
        run *= 2
    return run


def _padding(costs: Tensor, batch_size: int, run: int) -> float:
    """What padding adds, as a share of the real steps."""
    batches = bucketed(costs, batch_size, torch.Generator().manual_seed(0), run)
    padded = sum(len(rows) * int(costs[rows].max()) for rows in batches)
    return padded / max(1, int(costs.sum())) - 1


def num_steps(num_utterances: int, batch_size: int, accumulate: int) -> int:
    """How many steps of the optimiser an epoch takes."""
    return math.ceil(math.ceil(num_utterances / batch_size) / accumulate)
