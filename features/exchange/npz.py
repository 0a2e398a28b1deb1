"""NumPy's archives: an array for each utterance, or what MERBench and others keep in one.

What goes out has ``tracks/<id>`` `(T, D)` or `(L, T, D)`, ``ids``, ``split`` and the like,
``labels/<field>`` and ``attributes`` (JSON). What comes in may be any archive whose members are
arrays of numbers by id; arrays of objects are pickles and are refused.
"""

import json
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from features.errors import ProjectError
from features.foreign.columns import column_names, columns_by_place, json_object, read_label
from features.foreign.contract import TRACK, Content, Item, Note
from features.foreign.outgoing import Outgoing, squeezed
from features.foreign.recognise import begins_with
from features.store.format import Array
from features.untrusted import npy
from features.untrusted.archives import members_of, read_member

SUFFIXES = (".npz",)
CARRIES = ("lengths", "labels", "splits", "texts", "layers", "number-format")


def recognises(path: Path) -> bool:
    """A zip archive whose members are ``.npy`` files."""
    if not begins_with(path, b"PK\x03\x04"):
        return False
    try:
        with zipfile.ZipFile(path) as archive:
            return any(name.endswith(".npy") for name in archive.namelist())
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError):
        return False


def read(path: Path, note: Note) -> Content:
    """Every array of numbers, by its name; labels where the archive has ours."""
    names = [name.removesuffix(".npy") for name in members_of(path)]
    is_ours = "ids" in names and any(name.startswith("tracks/") for name in names)
    attributes: dict[str, Any] = {}
    if is_ours and "attributes" in names:
        attributes = json_object(str(_array(path, "attributes")[()]), f"{path}: attributes")
    ids = _texts(path, "ids") if is_ours else names
    origin = "listed in it" if is_ours else "the names of the arrays"
    note(f"npz, {len(ids)} utterances; ids are {origin}")
    return Content(_ours(path, ids, set(names)) if is_ours else _others(path), len(ids), attributes)


def _ours(path: Path, ids: list[str], names: set[str]) -> Iterator[Item]:
    columns = {
        field: _array(path, place).tolist()
        for place, field in {**column_names(), "reason": "reason"}.items()
        if place in names
    }
    for field, column in columns.items():
        if not isinstance(column, list) or len(column) != len(ids):
            raise ProjectError(
                f"{path}: {field} does not have one value for each of {len(ids)} ids"
            )
    with zipfile.ZipFile(path) as archive:
        for row, name in enumerate(ids):
            values = {field: column[row] for field, column in columns.items()}
            label, text = read_label(values, f"{path}: {name!r}")
            member = f"tracks/{name}"
            tracks = {TRACK: read_member(archive, f"{member}.npy", path)} if member in names else {}
            yield Item(name, tracks, label, text, str(values.get("reason") or "absent"))


def _others(path: Path) -> Iterator[Item]:
    with zipfile.ZipFile(path) as archive:
        for name in members_of(path):
            yield Item(name.removesuffix(".npy"), {TRACK: read_member(archive, name, path)})


def _array(path: Path, name: str) -> Array:
    with zipfile.ZipFile(path) as archive:
        return read_member(archive, f"{name}.npy", path)


def _texts(path: Path, name: str) -> list[str]:
    values = _array(path, name)
    if values.ndim != 1 or values.dtype.kind != "U":
        raise ProjectError(f"{path}: {name} is not a list of texts")
    texts: list[str] = values.tolist()
    return texts


def write(outgoing: Outgoing, path: Path) -> None:
    """Write the tracks of one store; see the top of this file."""
    beside = {
        "ids": np.array(outgoing.ids, np.str_),
        "reason": np.array(outgoing.reasons, np.str_),
        "attributes": np.array(json.dumps(outgoing.attributes())),
        **{
            place: column if column.dtype.kind != "O" else column.astype(np.str_)
            for place, column in columns_by_place(outgoing).items()
        },
    }
    with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED, allowZip64=True) as archive:
        for name, values in beside.items():
            _add(archive, name, values)
        for name, track in outgoing.tracks():
            _add(archive, f"tracks/{name}", squeezed(track))


def _add(archive: zipfile.ZipFile, name: str, values: Array) -> None:
    values = np.ascontiguousarray(values) if values.ndim else values
    # A fixed time: equal content gives equal bytes.
    member = zipfile.ZipInfo(f"{name}.npy", (1980, 1, 1, 0, 0, 0))
    with archive.open(member, "w", force_zip64=True) as file:
        file.write(npy.header(values.shape, str(values.dtype.str)))
        file.write(values.tobytes())
