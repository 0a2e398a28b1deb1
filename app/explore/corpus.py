"""The corpus that is explored: its utterances, its labels, its heads and what they predicted."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from app.corpora.sound import Sounds
from app.explore.heads import ExploredHead
from app.explore.steps import rounded
from app.inputs import load_labels
from app.paths import manifest_path
from app.results.runs import MAIN, load_run
from features.errors import ProjectError, did_you_mean, quoted
from features.manifest import Label, Utterance, read_utterances
from features.params.load import Params, load_params
from features.specs.heads import ProbeSpec
from features.store.reader import Store
from train.data.order import in_order
from train.scoring.measure import Measure

# What an utterance may be labelled with, as the table shows it.
LABELS = (
    "emotion",
    "sentiment",
    "depression",
    "is_cause",
    "valence",
    "arousal",
    "dominance",
    "phq8",
)


@dataclass(frozen=True)
class Corpus:
    """Utterances and labels in manifest order, and the heads that were tested on them.

    A line of `unusable` names a head that cannot be shown, and why. `stores` are those that tracks
    of params.yaml have published, by backbone.
    """

    name: str
    utterances: Sequence[Utterance]
    labels: Sequence[Label]
    heads: Sequence[ExploredHead]
    stores: dict[str, Store]
    unusable: Sequence[str]
    sounds: Sounds

    @cached_property
    def dialogues(self) -> dict[str, list[int]]:
        """The rows of every dialogue, in the order of talk."""
        return {
            name: rows
            for rows in in_order(self.labels)
            if (name := self.labels[rows[0]].dialogue) is not None
        }

    def table(self) -> dict[str, Any]:
        """All that the table of utterances needs, by column."""
        named = [name for name in LABELS if any(getattr(x, name) is not None for x in self.labels)]
        return {
            "corpus": self.name,
            "ids": [u.id for u in self.utterances],
            "texts": [u.text for u in self.utterances],
            "speakers": [u.speaker for u in self.utterances],
            "dialogues": [u.dialogue for u in self.utterances],
            "turns": [u.turn for u in self.utterances],
            "splits": [label.split for label in self.labels],
            "labels": {name: [getattr(x, name) for x in self.labels] for name in named},
            "heads": [self._head(head) for head in self.heads],
            "missing": {
                name: [
                    row
                    for row, utterance in enumerate(self.utterances)
                    if self.reason(name, utterance) != "ok"
                ]
                for name in self.stores
            },
            "unusable": list(self.unusable),
        }

    def reason(self, backbone: str, utterance: Utterance) -> str:
        """Why a store has no track of an utterance; ``ok`` if it has one."""
        store = self.stores[backbone]
        row = store.rows.get(utterance.id)
        return "not in the store; run 'dvc repro'" if row is None else store.reasons[row]

    def _head(self, head: ExploredHead) -> dict[str, Any]:
        """What a head predicted, by column; None where it predicted nothing."""
        places = [head.places.get(utterance.id) for utterance in self.utterances]
        return {
            "name": head.name,
            "inputs": head.run.spec.used_inputs,
            "seeds": head.run.spec.seeds,
            "is_probe": isinstance(head.run.spec, ProbeSpec),
            "splits": [None if place is None else place.split for place in places],
            "measures": [self._measure(head, measure) for measure in head.measures],
        }

    def _measure(self, head: ExploredHead, measure: Measure) -> dict[str, Any]:
        """For classes the index and probability, for numbers the value: means over seeds."""
        means = {
            split: own.predicted[measure.name].mean(axis=0)
            for split, own in head.predictions.items()
        }
        rows = [head.places.get(utterance.id) for utterance in self.utterances]
        values = [None if place is None else means[place.split][place.row] for place in rows]
        about = {"name": measure.name, "label": measure.label, "kind": measure.kind}
        if measure.kind == "numbers":
            numbers = [None if value is None else round(float(value), 4) for value in values]
            return {**about, "predicted": numbers}
        return {
            **about,
            "classes": measure.classes,
            "predicted": [None if value is None else int(np.argmax(value)) for value in values],
            "confidence": [None if v is None else rounded([np.max(v)])[0] for v in values],
        }


@contextmanager
def opened(name: str | None) -> Iterator[Corpus]:
    """The corpus NAME of params.yaml (None: that of the head `main`), with all heads over it.

    Raises ProjectError if there is no such corpus or it was not read yet.
    """
    params = load_params()
    name = name or _usual(params)
    if name not in params.corpora:
        raise ProjectError(
            f"there is no corpus {name!r}; corpora of params.yaml are {quoted(params.corpora)}."
            f"{did_you_mean(name, list(params.corpora))}"
        )
    utterances, labels = read_utterances(manifest_path(name)), load_labels(name)
    heads, unusable = _heads(params, name, labels)
    sounds = Sounds(params.corpora[name], params.extract)
    try:
        yield Corpus(name, utterances, labels, heads, _stores(params, name), unusable, sounds)
    finally:
        sounds.close()


def _usual(params: Params) -> str:
    main = params.heads.get(MAIN)
    return main.corpus if main is not None else next(iter(params.corpora))


def _heads(
    params: Params, corpus: str, labels: Sequence[Label]
) -> tuple[list[ExploredHead], list[str]]:
    heads, unusable = [], []
    for spec in sorted(params.heads.values(), key=lambda spec: (spec.name != MAIN, spec.name)):
        if spec.corpus != corpus:
            continue
        try:
            heads.append(ExploredHead(load_run(spec), labels, params.backbones))
        except ProjectError as error:
            unusable.append(str(error))
    return heads, unusable


def _stores(params: Params, corpus: str) -> dict[str, Store]:
    tracks = [track for track in params.tracks.values() if track.corpus == corpus]
    return {track.backbone: Store(track.store) for track in tracks if track.store.exists()}
