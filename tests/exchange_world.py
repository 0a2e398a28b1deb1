"""A project folder with small stores, to be exported and imported."""

import json
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from app.paths import labels_path, manifest_path
from features.foreign.decode import decode_here
from features.foreign.decoded import Decoded
from features.foreign.outgoing import Outgoing
from features.foreign.recognise import format_leaf
from features.manifest import Label, Utterance, write_records
from features.specs.tracks import store_path
from features.store.pool import Pool
from features.store.publish import Header, publish
from features.store.reader import Store

LENGTHS = (3, 1, 0, 7, 2, 4)
IDS = ("ü1", "clip two", "none-at-all", "b$_$4", "B$_$5", "x.y")
TEXTS = ('a "quoted", word', None, "line\nbreak", "ünïcode", "percent % and 'single'", "")
SPLITS = ("train", "train", "train", "dev", "dev", "test")
DIALOGUES = ("d0", "d0", "d0", "d1", "d1", "d2")
EMOTIONS = ("joy", None, "anger", "joy", "neutral", "anger")


def labels() -> list[Label]:
    """Labels of every kind, some of them missing."""
    made = []
    for row, name in enumerate(IDS):
        made.append(
            Label(
                name,
                SPLITS[row],  # type: ignore[arg-type]
                speaker=f"s{row % 2}",
                dialogue=DIALOGUES[row],
                turn=DIALOGUES[:row].count(DIALOGUES[row]),
                emotion=EMOTIONS[row],
                sentiment=("positive", "negative", "neutral")[row % 3],
                valence=None if row == 1 else row / 3 - 1,
                causes=(IDS[0],) if row == 1 else None,
                is_cause="no-cause" if row else "cause",
                emotion_votes={"joy": 2, "anger": 1} if row == 0 else None,
            )
        )
    return made


def texts() -> list[str | None]:
    """The words of the utterances."""
    return list(TEXTS)


def values_of(num_layers: int, dim: int, seed: int = 0, dtype: str = "float16") -> np.ndarray:
    """All steps of all tracks `(L, N, D)`, none of them a step of zeros."""
    random = np.random.default_rng(seed)
    return random.normal(size=(num_layers, sum(LENGTHS), dim)).astype(dtype)


def make_store(
    folder: Path, modality: str = "audio", layers: tuple[int, ...] = (4,), dim: int = 5,
    dtype: str = "float16", ids: tuple[str, ...] = IDS, first_step_s: float = 0.02,
) -> Store:  # fmt: skip
    """A published store at a folder, with one utterance whose media are missing."""
    pool = Pool(folder.parent / f"{folder.name}-pool")
    part = pool.add(
        values_of(len(layers), dim, len(modality), dtype),
        key="k1", ids=ids, inputs=("",) * len(ids), lengths=LENGTHS,
        reasons=tuple("ok" if length else "known-bad" for length in LENGTHS),
        spans=None, made_with={},
    )  # fmt: skip
    rate = None if modality == "text" else 25.0
    first = None if rate is None else first_step_s
    header = Header(
        "r", {"code": "x"}, modality, dim, layers, dtype, rate_hz=rate, first_step_s=first
    )
    publish(folder, header, [part], pool)
    return Store(folder)


@dataclass(frozen=True)
class Trip:
    """What went out, and what came back."""

    outgoing: Outgoing
    back: Decoded
    path: Path

    def track(self, name: str, field: str = "track") -> np.ndarray:
        """A track that came back."""
        return self.back.tracks(field).track(self.back.ids.index(name))


def trip(folder: Path, form: str, store: Store | dict[str, Store], **settings: Any) -> Trip:
    """Write stores in a format and decode what was written."""
    stores = store if isinstance(store, dict) else {"track": store}
    outgoing = Outgoing("c/net", stores, labels(), texts(), settings.pop("layer", None))
    leaf = format_leaf(form)
    path = folder / f"out{leaf.SUFFIXES[0]}"
    leaf.write(outgoing, path, **settings)
    return Trip(outgoing, decoded(path, form), path)


def decoded(path: Path, form: str = "auto") -> Decoded:
    """The content of a file."""
    folder = path.parent / f"{path.name}-decoded"
    shutil.rmtree(folder, ignore_errors=True)
    decode_here(path, form, folder)
    return Decoded(folder)


def make_project(corpus: str = "c", modalities: tuple[str, ...] = ("audio",)) -> None:
    """Stores, labels and a manifest in the current folder, as the pipeline leaves them."""
    for modality in modalities:
        make_store(store_path(corpus, f"net-{modality}").absolute(), modality)
    write_records(labels_path(corpus), labels())
    utterances = [
        Utterance(name, text=text, speaker=label.speaker, dialogue=label.dialogue, turn=label.turn)
        for name, text, label in zip(IDS, TEXTS, labels(), strict=True)
    ]
    write_records(manifest_path(corpus), utterances)


def as_json(value: Any) -> Any:
    """A value as it is after a way through JSON."""
    return json.loads(json.dumps(value))
