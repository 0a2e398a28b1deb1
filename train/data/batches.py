"""What batches are drawn from, and random batches of similar length."""

import math

import torch
from torch import Tensor

from train.data.dataset import Dataset

# The share that padding may add to the steps of an epoch.
PADDING = 0.2
LARGEST_RUN = 64


class BatchItems:
    """What a batch is drawn from, numbered: whole dialogues where `whole`, else utterances."""

    def __init__(self, dataset: Dataset, whole: bool) -> None:
        self.count = len(dataset)
        self.dialogues = dataset.places.whole() if whole else None
        if self.dialogues is not None:
            self.count = len(self.dialogues)

    def rows(self, items: Tensor) -> Tensor:
        """The rows of some items, one after another."""
        if self.dialogues is None:
            return items
        return torch.cat([self.dialogues[item] for item in items.tolist()])

    def sums(self, values: Tensor) -> Tensor:
        """The sum of `values (N,)`, one for each row, over the rows of each item."""
        if self.dialogues is None:
            return values
        return torch.stack([values[rows].sum() for rows in self.dialogues])

    def means(self, values: Tensor, counted: Tensor) -> Tensor:
        """The mean of `values (N,)` over those rows of each item that count; 0 without any."""
        weights = counted.to(values)
        return self.sums(values * weights) / self.sums(weights).clamp_min(1)


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
