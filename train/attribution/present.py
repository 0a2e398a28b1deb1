"""A test set with some modalities alone: what a head says without the others."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from itertools import combinations
from typing import TypeVar

from train.data.corruptions import Missing
from train.data.dataset import Dataset

Present = frozenset[str]
Answer = TypeVar("Answer")


def partly_present(dataset: Dataset) -> dict[Present, Dataset]:
    """The dataset with every choice of its modalities but none and all of them."""
    names = sorted(dataset.tracks)
    return {
        frozenset(kept): replace(
            dataset,
            tracks={
                name: tracks if name in kept else Missing(tracks)
                for name, tracks in dataset.tracks.items()
            },
        )
        for size in range(1, len(names))
        for kept in combinations(names, size)
    }


def answers(
    dataset: Dataset,
    known: Mapping[tuple[str, float | None], Answer],
    predict: Callable[[Dataset], Answer],
) -> dict[Present, Answer]:
    """What `predict` says of each of `partly_present`.

    `known` are answers with one modality missing, by ``(modality, None)``, which are not asked for
    again.
    """
    names = frozenset(dataset.tracks)
    by_present = {
        names - {name}: answer for (name, level), answer in known.items() if level is None
    }
    return {
        present: by_present[present] if present in by_present else predict(part)
        for present, part in partly_present(dataset).items()
    }
