"""Whether a run was made with the present settings, labels, tracks and code."""

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from functools import cache
from pathlib import Path
from typing import Any

from features.errors import ProjectError, and_more
from features.files import digest_json
from features.manifest import Label, read_labels
from features.runs.sealed import DamagedError, read_sealed
from features.source import ROOT
from features.store.reader import Store, store_attributes

RUN_RECORD = "run.json"
TRANSFER_RECORD = "transfer.json"
ENSEMBLE_RECORD = "ensemble.json"
# Folders whose changes make DVC train again (dvc.yaml).
CODE = ("features/specs", "features/store", "train")
NUM_NAMED = 5

# What a run was made from, each as a digest, by what it is called in messages.
Sources = Mapping[str, str | None]


def sources(
    labels: Sequence[Label], stores: Mapping[str, str | None], first: str | None = None
) -> Sources:
    """What a run is made from: labels, tracks (by modality, the digest of their store), and code.

    `first` is the seal of the run it starts from, or whose heads a transfer tests.
    """
    rows = [{k: v for k, v in asdict(label).items() if v is not None} for label in labels]
    return {
        "labels": digest_json(rows),
        **{f"{modality} tracks": digest for modality, digest in stores.items()},
        "code": code_digest(),
        "weights of the head it builds on": first,
    }


def ensemble_sources(seals: Mapping[str, str | None]) -> Sources:
    """What an ensemble is made from: the runs of its heads, by the seal of each, and code."""
    return {**{f"run of {name}": seal for name, seal in seals.items()}, "code": code_digest()}


def store_digests(stores: Mapping[str, Store]) -> dict[str, str | None]:
    """The digest of each store that was opened."""
    return {modality: store.attributes["digest"] for modality, store in stores.items()}


def present_sources(labels: Path, stores: Mapping[str, Path], first: Path | None = None) -> Sources:
    """What a run would be made from now; None for what is not there."""
    now = sources(
        read_labels(labels) if labels.exists() else [],
        {modality: _store_digest(path) for modality, path in stores.items()},
        None if first is None else run_seal(first),
    )
    return now if labels.exists() else {**now, "labels": None}


def staleness(
    settings: tuple[Mapping[str, Any], Mapping[str, Any]], sources: tuple[Sources, Sources]
) -> str:
    """What differs between a run and one made now; empty if nothing does.

    Both pairs are those of the run, and the present ones. A source that is not there now is not
    compared.
    """
    then, now = sources
    others = [n for n, digest in now.items() if digest is not None and then.get(n) != digest]
    if paths := list(_differing(*settings)):
        others.insert(0, f"settings ({and_more(paths, NUM_NAMED)})")
    return f"other {and_more(others, len(others))}" if others else ""


def _differing(then: Any, now: Any, path: str = "") -> Iterator[str]:
    """The dotted paths of the settings that differ."""
    if isinstance(then, dict) and isinstance(now, dict):
        for name in {**now, **then}:
            below = f"{path}.{name}" if path else name
            if name not in then or name not in now:
                yield below
            else:
                yield from _differing(then[name], now[name], below)
    elif then != now:
        yield path


@cache
def code_digest() -> str:
    """A digest of the code whose changes make DVC train again."""
    digest = hashlib.sha256()
    for folder in CODE:
        for file in sorted((ROOT / folder).rglob("*.py")):
            digest.update(file.relative_to(ROOT).as_posix().encode())
            digest.update(file.read_bytes())
    return digest.hexdigest()


def _store_digest(path: Path) -> str | None:
    try:
        return str(store_attributes(path)["digest"])
    except ProjectError:
        return None


def run_seal(run: Path) -> str | None:
    """The seal of a run; None where it is missing or damaged."""
    try:
        sealed = read_sealed(run, RUN_RECORD)
    except DamagedError:
        return None
    return None if sealed is None else sealed.seal
