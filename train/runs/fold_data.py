"""The tracks and labels of a fold's splits, standardised as the head says."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import torch
from torch import Tensor

from features.manifest import SPLITS, Label, Split
from features.specs.heads import TrainedSpec
from features.store.reader import Store
from train.data.dataset import Dataset, SplitData, load_dataset
from train.data.standardise import Standardised, corpus_moments, refuse_single_steps, standardised
from train.folds.split import Splits


def fold_data(
    spec: TrainedSpec,
    stores: Mapping[str, Store],
    splits: Splits,
    names: Sequence[Split] = SPLITS,
) -> list[SplitData]:
    """The data of some splits, the training split first."""
    data = [_data(stores, splits[name]) for name in names]
    refuse_single_steps(spec, data[0].dataset)
    corpus = corpus_moments(spec, data[0].dataset)
    return [
        replace(one, dataset=standardised(spec, one.dataset, one.labels, corpus)) for one in data
    ]


def deviations(dataset: Dataset) -> dict[str, Tensor]:
    """The standard deviation `(L, D)` of each modality as the head gets it."""
    return {
        name: torch.ones(tracks.shape) if isinstance(tracks, Standardised) else tracks.moments()[1]
        for name, tracks in dataset.tracks.items()
    }


def _data(stores: Mapping[str, Store], labels: Sequence[Label]) -> SplitData:
    return SplitData(load_dataset(stores, labels), labels)
