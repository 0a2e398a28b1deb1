"""What a batch is drawn from: utterances, or whole dialogues."""

import torch
from torch import Tensor

from train.data.dataset import Dataset


class Units:
    """The units of a dataset, numbered; `whole`: a unit is a dialogue, and not an utterance."""

    def __init__(self, dataset: Dataset, whole: bool) -> None:
        self.count = len(dataset)
        self.dialogues = dataset.places.whole() if whole else None
        if self.dialogues is not None:
            self.count = len(self.dialogues)

    def rows(self, units: Tensor) -> Tensor:
        """The rows of some units, one after another."""
        if self.dialogues is None:
            return units
        return torch.cat([self.dialogues[unit] for unit in units.tolist()])

    def sums(self, values: Tensor) -> Tensor:
        """The sum over each unit of what its rows `(N,)` have."""
        if self.dialogues is None:
            return values
        return torch.stack([values[rows].sum() for rows in self.dialogues])

    def means(self, values: Tensor, counted: Tensor) -> Tensor:
        """The mean over each unit of what those rows `(N,)` have that count; 0 without any."""
        weights = counted.to(values)
        return self.sums(values * weights) / self.sums(weights).clamp_min(1)
