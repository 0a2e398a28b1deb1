"""A folder with a ``.npy`` file for each utterance, as MERBench, EmoBox and FunASR write them.

Ids are the paths below the folder without the ending. What goes out has, beside the files,
``labels.csv`` (id, split, labels, text) and ``attributes.json``.
"""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from features.errors import ProjectError
from features.foreign.contract import TRACK, Content, Item, Note
from features.foreign.label_table import labels_by_id, write_labels
from features.foreign.outgoing import Outgoing
from features.untrusted import npy

SUFFIXES = ("",)
FOLDER = True
CARRIES = ("lengths", "labels", "splits", "texts", "layers", "number-format")
LABELS = "labels.csv"
ATTRIBUTES = "attributes.json"


def recognises(path: Path) -> bool:
    """A folder with ``.npy`` files, none of which has lengths beside it."""
    if not path.is_dir():
        return False
    first = next(path.rglob("*.npy"), None)
    return first is not None and not first.with_suffix(".lengths").exists()


def read(path: Path, note: Note) -> Content:
    """Every array of the folder, by its path; labels where there is our table of them."""
    files = sorted(file for file in path.rglob("*.npy") if file.is_file())
    for file in files:
        if not file.resolve().is_relative_to(path.resolve()):
            raise ProjectError(f"{file} is a link that leads out of {path}; copy the file in")
    ids = {file.relative_to(path).with_suffix("").as_posix(): file for file in files}
    table, stated = path / LABELS, path / ATTRIBUTES
    labels = labels_by_id(table) if table.is_file() else {}
    with_labels = f", {LABELS}" if labels else ""
    note(f"a folder of {len(ids)} .npy files{with_labels}; ids are their paths")
    attributes = _attributes(stated) if stated.is_file() else {}
    return Content(_items(ids, labels), len(ids), attributes)


def _attributes(path: Path) -> dict[str, Any]:
    try:
        stated = json.loads(path.read_bytes())
    except (ValueError, RecursionError) as error:
        raise ProjectError(f"{path} is not JSON ({error})") from None
    return stated if isinstance(stated, dict) else {}


def _items(ids: dict[str, Path], labels: dict[str, Item]) -> Iterator[Item]:
    """In the order of the labels, then all files that have none."""
    for name, item in labels.items():
        tracks = {TRACK: npy.read_file(ids[name])} if name in ids else {}
        yield Item(name, tracks, item.label, item.text, item.reason)
    for name, file in ids.items():
        if name not in labels:
            yield Item(name, {TRACK: npy.read_file(file)})


def write(outgoing: Outgoing, path: Path) -> None:
    """Write a folder with the tracks of one store; see the top of this file."""
    path.mkdir()
    for name, track in outgoing.tracks():
        file = path / f"{name}.npy"
        if ".." in Path(name).parts or not file.resolve().is_relative_to(path.resolve()):
            raise ProjectError(f"{name!r} cannot be the name of a file; export to another format")
        file.parent.mkdir(parents=True, exist_ok=True)
        if file.exists():
            raise ProjectError(
                f"{name!r} and another id are one file here; export to another format"
            )
        try:
            np.save(file, track[0] if len(track) == 1 else track)
        except (OSError, ValueError) as error:
            if getattr(error, "errno", None) == 28:
                raise
            raise ProjectError(f"{name!r} cannot be the name of a file ({error})") from None
    write_labels(outgoing, path / LABELS)
    (path / ATTRIBUTES).write_text(json.dumps(outgoing.attributes()))
