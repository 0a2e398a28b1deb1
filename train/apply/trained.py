"""The trained heads of a run: every fold and seed, restored from its record and weights."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from features.manifest import Label
from features.runs.restored import restored_head
from train.apply.fold_heads import restored_fold, shapes_of
from train.data.dataset import Dataset
from train.data.dialogues import Places
from train.data.standardise import Standardising, num_standardised
from train.data.tracks import Tracks
from train.model.contracts import Networks
from train.model.head import NO_NETWORKS
from train.runs.restored import Restored, restored_predictions
from train.scoring.measure import Measure, measures_of
from train.scoring.predictions import Predictions

# The track `(L, T, D)` of each utterance, None where it is missing.
OfModality = Sequence[NDArray[Any] | None]


class TrainedHeads:
    """The heads of a run, loaded once: one for each fold and seed.

    `record` is the run's record, `contents` its weights files by name, `networks` (by
    modality) the frozen network's layers that temporal encoders are made of.
    """

    def __init__(
        self,
        record: Mapping[str, Any],
        contents: Mapping[str, bytes],
        networks: Networks = NO_NETWORKS,
    ) -> None:
        self.spec = restored_head(record["head"])
        self.shapes = shapes_of(record)
        self.folds: list[str] = []
        self.seeds: list[int] = []
        self.heads: list[Restored] = []
        facts_by_fold: Mapping[str, Any] = record["facts"]
        for fold in facts_by_fold:
            self.heads += restored_fold(record, contents, fold, networks).heads
            self.folds += [fold] * len(self.spec.seeds)
            self.seeds += self.spec.seeds
        self.measures: Sequence[Measure] = measures_of(
            self.spec, next(iter(facts_by_fold.values()))
        )

    def predict(
        self, labels: Sequence[Label], tracks: Mapping[str, OfModality]
    ) -> list[Predictions]:
        """The predictions of every head, in the order of `folds` and `seeds`.

        `labels` say who speaks when, and nothing that is predicted; `tracks` hold those of each
        modality in the same order.
        """
        dataset = self._dataset(labels, tracks)
        return [restored_predictions(self.spec, head, dataset, labels) for head in self.heads]

    def num_standardised(
        self, labels: Sequence[Label], tracks: Mapping[str, OfModality]
    ) -> dict[str, Standardising]:
        """Per modality that is standardised by speaker: how many tracks were, and how many not."""
        return num_standardised(self.spec, self._dataset(labels, tracks), labels)

    def _dataset(self, labels: Sequence[Label], tracks: Mapping[str, OfModality]) -> Dataset:
        packed = {name: _packed(tracks[name], *shape) for name, shape in self.shapes.items()}
        return Dataset(tuple(label.id for label in labels), packed, Places.of(labels))


def _packed(tracks: OfModality, num_layers: int, dim: int) -> Tracks:
    """Tracks of one modality, one after another; a missing one has no steps."""
    present = [track for track in tracks if track is not None]
    lengths = [0 if track is None else track.shape[1] for track in tracks]
    joined = np.concatenate(present, axis=1) if present else np.zeros((num_layers, 0, dim), "f2")
    values = torch.from_numpy(np.ascontiguousarray(joined)).transpose(0, 1).contiguous()
    return Tracks(values, torch.tensor(lengths, dtype=torch.int64))
