"""How informative each layer of a network is: a probe of every stored layer and pooling.

All figures are those of the dev sets, where the penalty was selected as well: they are for choosing
a layer, not for reporting. The published finding behind it is that one good layer carries more than
all of them together (Pasad et al. 2021 for wav2vec 2.0; Tenney et al. 2019 for BERT).
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from features.manifest import Label
from features.specs.heads import ProbeSpec
from features.store.reader import Store
from train.data.dataset import SplitData, load_dataset
from train.data.masking import Padded
from train.data.tracks import TrackSource
from train.folds.label_facts import folds_of
from train.model.head import Facts
from train.probes.pooled import FUNCTIONS, PERCENTILES, STATISTICS, pooled
from train.probes.probe import Pooled, fitted_measures, select_models
from train.scoring.predictions import Predictions, RunPredictions
from train.scoring.summaries import summary

ALL = "mean of all"


@dataclass(frozen=True)
class Layer:
    """What a layer says with one pooling: a figure of the dev sets with its interval.

    `name` is the number of the layer in the network, or ALL. The interval is None for one cluster.
    """

    name: str
    pooling: str
    figure: float
    low: float | None
    high: float | None


class OneLayer:
    """The tracks of one of several layers, or the mean of all (`place` None)."""

    def __init__(self, tracks: TrackSource, place: int | None) -> None:
        self.tracks, self.place = tracks, place
        self.lengths = tracks.lengths

    @property
    def shape(self) -> tuple[int, int]:
        """One layer, and its width."""
        return 1, self.tracks.shape[1]

    def gather(self, rows: Tensor) -> Padded:
        """The tracks of some rows as float32 `(B, T, 1, D)`."""
        values, mask = self.tracks.gather(rows)
        if self.place is None:
            return Padded(values.mean(dim=2, keepdim=True), mask)
        return Padded(values[:, :, self.place : self.place + 1], mask)

    def moments(self) -> tuple[Tensor, Tensor]:
        """Zeros and ones: a probe standardises what it pools."""
        return torch.zeros(self.shape), torch.ones(self.shape)


def scan(spec: ProbeSpec, labels: Sequence[Label], modality: str, store: Store) -> Iterator[Layer]:
    """Each stored layer, and the mean of all where there are several, with each pooling.

    `spec` has one task. The figure is the metric by which it selects; utterances of the dev sets of
    all folds count, each once for every dev set that it is in.
    """
    folds = [
        (_data(store, modality, splits["train"]), _data(store, modality, splits["dev"]), facts)
        for splits, facts in folds_of(spec, labels)
    ]
    places: list[int | None] = list(range(store.num_layers))
    for place in places + ([None] if store.num_layers > 1 else []):
        name = ALL if place is None else str(store.attributes["layers"][place])
        vectors = [
            (_vectors(spec, train, place), _vectors(spec, dev, place), facts)
            for train, dev, facts in folds
        ]
        for pooling in STATISTICS:
            yield Layer(name, pooling, *_figure(spec, vectors, pooling))


def _vectors(spec: ProbeSpec, data: SplitData, place: int | None) -> Pooled:
    """All statistics of one layer side by side, each `(N, D)` or several of them."""
    tracks = {name: OneLayer(own, place) for name, own in data.dataset.tracks.items()}
    dataset = replace(data.dataset, tracks=tracks)
    # In float32, which is twice as fast: layers differ by more than its rounding.
    vectors: Any = pooled(replace(spec, pooling="functionals"), dataset).astype(np.float32)
    return Pooled(vectors, data.labels)


def _figure(
    spec: ProbeSpec, folds: Sequence[tuple[Pooled, Pooled, Facts]], pooling: str
) -> tuple[float, float | None, float | None]:
    """The figure of the dev sets with one pooling, and its interval."""
    predicted: dict[str, tuple[Sequence[Label], list[Predictions]]] = {}
    measures = fitted_measures(spec, folds[0][2])
    for number, (train, dev, facts) in enumerate(folds):
        columns = _columns(train.features.shape[1], pooling)
        parts = (Pooled(part.features[:, columns], part.labels) for part in (train, dev))
        selected = select_models(spec, fitted_measures(spec, facts), *Pooled.both(*parts))
        predicted[str(number)] = (dev.labels, [selected.dev])
    figures = summary(measures, RunPredictions.of(predicted))
    own = [figures[m.name][spec.choose_by] for m in measures if spec.choose_by in figures[m.name]]
    mean = float(np.mean([figure["mean"] for figure in own]))
    # Several numbers of one task (valence, arousal) have no common interval.
    low, high = (own[0]["low"], own[0]["high"]) if len(own) == 1 else (None, None)
    return mean, low, high


def _columns(width: int, pooling: str) -> NDArray[np.int64]:
    """Where the statistics of a pooling are among all of them."""
    sizes = {name: len(PERCENTILES) if name == "percentiles" else 1 for name in FUNCTIONS}
    unit = width // sum(sizes.values())
    ends = dict(zip(sizes, np.cumsum(list(sizes.values())) * unit, strict=True))
    return np.concatenate(
        [np.arange(ends[name] - sizes[name] * unit, ends[name]) for name in STATISTICS[pooling]]
    )


def _data(store: Store, modality: str, labels: Sequence[Label]) -> SplitData:
    return SplitData(load_dataset({modality: store}, labels), labels)
