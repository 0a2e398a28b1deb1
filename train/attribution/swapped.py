"""An utterance with some modalities of another one: one's words with the other's voice."""

from dataclasses import replace
from itertools import combinations

import torch

from train.attribution.present import Present
from train.data.dataset import Dataset
from train.data.tracks import Taken


def partly_swapped(dataset: Dataset, one: int, other: int) -> dict[Present, Dataset]:
    """The dataset with every choice of the modalities that row `one` keeps, but all of them.

    For the rest it has those of row `other`.
    """
    names = sorted(dataset.tracks)
    sources = torch.arange(len(dataset))
    sources[one] = other
    return {
        frozenset(kept): replace(
            dataset,
            tracks={
                name: tracks if name in kept else Taken(tracks, sources)
                for name, tracks in dataset.tracks.items()
            },
        )
        for size in range(len(names))
        for kept in combinations(names, size)
    }
