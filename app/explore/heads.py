"""The trained heads of a corpus: what they predicted, and on demand their weights."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Any

from app.bundles.read import WEIGHTS
from app.heads.upper import networks_of
from app.inputs import open_inputs
from app.paths import RUNS_PATH
from app.results.runs import Run
from features.errors import ProjectError
from features.manifest import Label
from features.runs.read import read_as_trained
from features.specs.heads import HeadSpec
from features.specs.tracks import BackboneSpec
from train.apply.fold_heads import FoldHeads, restored_fold
from train.attribution.decision import Decision
from train.data.dataset import Dataset
from train.runs.stored_predictions import read_predictions
from train.scoring.measure import Measure, Numbers, measures_of
from train.scoring.predictions import RunPredictions

SHOWN = ("classes", "numbers")


@dataclass(frozen=True)
class Place:
    """Where an utterance is among the predictions of a head."""

    split: str
    fold: str
    row: int


@dataclass(frozen=True)
class Tracked:
    """An utterance's tracks among those of its neighbours, and the heads that were not trained on
    it."""

    heads: FoldHeads
    dataset: Dataset
    rows: Mapping[str, int]


class ExploredHead:
    """A run over a corpus; `backbones` are the settings of frozen networks by name.

    What it predicted is read at once, its weights when an utterance is first opened: they must be
    those of the same training.
    """

    def __init__(
        self, run: Run, labels: Sequence[Label], backbones: Mapping[str, BackboneSpec]
    ) -> None:
        self.run, self.name, self.backbones = run, run.spec.name, backbones
        facts: Mapping[str, Any] = next(iter(run.record["facts"].values()))
        self.stores = open_inputs(run.spec, run.spec.corpus)
        self.measures: list[Measure] = [
            measure for measure in measures_of(run.spec, facts) if measure.kind in SHOWN
        ]
        self.predictions = read_predictions(run.predictions, self.measures, labels)
        self.places = _places(self.predictions)
        self.restored = lru_cache(maxsize=4)(self._restored)
        self.whole_split = lru_cache(maxsize=2)(self._whole_split)
        self.labels_of = lru_cache(maxsize=8)(self._labels_of)

    def predicted(self, name: str) -> dict[str, Numbers] | None:
        """By measure what each seed predicts of an utterance `(S, ...)`; None if it was not."""
        place = self.places.get(name)
        if place is None:
            return None
        values = self.predictions[place.split].predicted
        return {measure.name: values[measure.name][:, place.row] for measure in self.measures}

    def tracked(self, name: str, other: str | None = None) -> Tracked:
        """The tracks of an utterance, of its dialogue if heads read dialogues, and of another one.

        Raises ProjectError where the other one is not of the same split and fold.
        """
        place = self.places[name]
        if other is not None and self._part(other) != (place.split, place.fold):
            raise ProjectError(
                f"{other!r} is not in the {place.split} set and fold of {name!r}; choose another "
                "utterance of that set"
            )
        heads = self.restored(place.fold)
        own = self.labels_of(place.split, place.fold)
        wanted = {name, other}
        if isinstance(heads.spec, HeadSpec) and heads.spec.dialogue is not None:
            dialogue = own[[label.id for label in own].index(name)].dialogue
            wanted |= {x.id for x in own if dialogue is not None and x.dialogue == dialogue}
        if "speaker" in heads.spec.standardise.values():
            # The mean of a speaker is that of all that the split has of them.
            whole = self.whole_split(place.split, place.fold)
            kept = [row for row, label in enumerate(own) if label.id in wanted]
            dataset = whole.some(kept, [own[row] for row in kept])
        else:
            dataset = heads.dataset(self.stores, [x for x in own if x.id in wanted])
        return Tracked(heads, dataset, {each: row for row, each in enumerate(dataset.ids)})

    def decisions(self, name: str) -> dict[str, Decision]:
        """The share of each modality in what is decided; empty for a head of one modality."""
        if len(self.run.spec.used_inputs) < 2:
            return {}
        tracked = self.tracked(name)
        return tracked.heads.decisions(tracked.dataset, tracked.rows[name])

    def swapped(self, name: str, other: str) -> dict[str, Decision]:
        """The same, with the modalities of another utterance in place of missing ones."""
        tracked = self.tracked(name, other)
        return tracked.heads.swapped_decisions(
            tracked.dataset, tracked.rows[name], tracked.rows[other]
        )

    def step_weights(self, name: str) -> dict[str, Numbers]:
        """How much each step counts, by modality and seed `(S, T)`; empty for a probe."""
        tracked = self.tracked(name)
        return tracked.heads.step_weights(tracked.dataset, tracked.rows[name])

    @cached_property
    def networks(self) -> dict[str, Any]:
        """The layers of the frozen networks that it tunes."""
        return networks_of(self.run.spec, self.run.spec.corpus, self.backbones, self.stores)

    @cached_property
    def _weights(self) -> Mapping[str, bytes]:
        trained = read_as_trained(RUNS_PATH / self.name, [WEIGHTS])
        if trained.seal != self.run.record["seal"]:
            raise ProjectError(
                f"{self.name} was trained again since 'python cli.py explore' was started; start "
                "it again"
            )
        return trained.contents

    def _restored(self, fold: str) -> FoldHeads:
        return restored_fold(self.run.record, self._weights, fold, self.networks)

    def _whole_split(self, split: str, fold: str) -> Dataset:
        return self.restored(fold).dataset(self.stores, self.labels_of(split, fold))

    def _labels_of(self, split: str, fold: str) -> Sequence[Label]:
        return self.predictions[split].fold(fold).labels

    def _part(self, name: str) -> tuple[str, str] | None:
        place = self.places.get(name)
        return None if place is None else (place.split, place.fold)


def _places(predictions: Mapping[str, RunPredictions]) -> dict[str, Place]:
    """Where each utterance was predicted: in a test set, or else in a dev set."""
    places: dict[str, Place] = {}
    for split in ("test", "dev"):
        if split not in predictions:
            continue
        own = predictions[split]
        for row, (label, fold) in enumerate(zip(own.labels, own.folds, strict=True)):
            places.setdefault(label.id, Place(split, fold, row))
    return places
