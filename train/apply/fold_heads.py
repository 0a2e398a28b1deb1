"""The heads of one fold of a run, restored, and what they make of cached tracks."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from safetensors.torch import load

from features.manifest import Label
from features.runs.restored import restored_head
from features.specs.heads import AnyHead
from features.store.reader import Store
from train.attribution.attention import step_weights
from train.attribution.decision import EXPLAINED, Decision, base_of, decision
from train.attribution.present import partly_present
from train.attribution.swapped import partly_swapped
from train.data.dataset import Dataset, load_dataset
from train.model.contracts import Networks
from train.model.head import NO_NETWORKS, Facts, Head
from train.runs.record import weights_name
from train.runs.restored import (
    Restored,
    restored,
    restored_data,
    standardised_predictions,
)
from train.scoring.measure import Measure, Numbers, measures_of


@dataclass(frozen=True)
class FoldHeads:
    """One head for each seed; `facts` are what tasks took from the fold's training labels."""

    spec: AnyHead
    facts: Facts
    heads: Sequence[Restored]

    @property
    def measures(self) -> Sequence[Measure]:
        """What they predict."""
        return measures_of(self.spec, self.facts)

    def dataset(self, stores: Mapping[str, Store], labels: Sequence[Label]) -> Dataset:
        """The tracks of some utterances of one split, standardised as in training.

        Where tracks are standardised by speaker, `labels` must have all that the split has of a
        speaker.
        """
        return restored_data(self.spec, self.heads[0], load_dataset(stores, labels), labels)

    def predict(self, dataset: Dataset) -> dict[str, Numbers]:
        """Predictions of each measure by seed, `(S, N, ...)`, of a `dataset` of these heads."""
        by_seed = [standardised_predictions(head, dataset) for head in self.heads]
        return {m.name: np.stack([one[m.name] for one in by_seed]) for m in self.measures}

    def step_weights(self, dataset: Dataset, row: int) -> dict[str, Numbers]:
        """The weights of an utterance's steps by modality and seed, `(S, T)`; none of a probe."""
        by_seed = [step_weights(h, dataset, row) for h in self.heads if isinstance(h, Head)]
        names = by_seed[0] if by_seed else ()
        return {
            name: torch.stack([one[name] for one in by_seed]).double().numpy() for name in names
        }

    def decisions(self, dataset: Dataset, row: int) -> dict[str, Decision]:
        """By measure: what is decided of an utterance, and the share of each modality in it."""
        present = {**partly_present(dataset), frozenset(dataset.tracks): dataset}
        predicted = {kept: self._means(part, row) for kept, part in present.items()}
        return {
            m.name: decision(
                m, {kept: own[m.name] for kept, own in predicted.items()}, base_of(m, self.facts)
            )
            for m in self.measures
            if m.kind in EXPLAINED
        }

    def swapped_decisions(self, dataset: Dataset, row: int, other: int) -> dict[str, Decision]:
        """The same, but in place of a missing modality there is that of the utterance `other`."""
        swapped = {**partly_swapped(dataset, row, other), frozenset(dataset.tracks): dataset}
        predicted = {kept: self._means(part, row) for kept, part in swapped.items()}
        return {
            m.name: decision(m, {kept: own[m.name] for kept, own in predicted.items()})
            for m in self.measures
            if m.kind in EXPLAINED
        }

    def _means(self, dataset: Dataset, row: int) -> dict[str, Numbers]:
        """The predictions of one utterance, the mean over seeds."""
        by_measure = self.predict(dataset)
        return {name: values[:, row].mean(axis=0) for name, values in by_measure.items()}


def shapes_of(record: Mapping[str, Any]) -> dict[str, tuple[int, int]]:
    """Layers and width of the stores that a run was trained on, by modality."""
    return {
        modality: (len(store["layers"]), int(store["dim"]))
        for modality, store in record["stores"].items()
    }


def restored_fold(
    record: Mapping[str, Any],
    contents: Mapping[str, bytes],
    fold: str,
    networks: Networks = NO_NETWORKS,
) -> FoldHeads:
    """The heads of a fold, from a run's record and its weights files by name.

    `networks` are, by modality, the frozen network's layers that temporal encoders are made of.
    """
    spec = restored_head(record["head"])
    folds = list(record["facts"])
    names = [weights_name(folds.index(fold), len(folds), seed) for seed in spec.seeds]
    facts, shapes = record["facts"][fold], shapes_of(record)
    states = [load(contents[f"weights/{name}"]) for name in names]
    heads = [restored(spec, shapes, facts, state, networks) for state in states]
    return FoldHeads(spec, facts, heads)
