"""HDF5: a dataset for each utterance, or packed values and an index; labels and attributes beside.

What goes out has ``tracks/<id>`` `(T, D)`, or `(L, T, D)` where the store keeps several layers,
``ids``, ``split`` and the like, ``labels/<field>``, and the attributes of the store (the backbone
as JSON). `packed` writes ``values`` `(N, D)` or `(L, N, D)` with ``start`` and ``length`` in place
of ``tracks``. What comes in may be any file with a dataset of numbers for each utterance, whose
path is the id. Links to other files, virtual datasets and filters that are plugins are refused.
"""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from features.errors import ProjectError, counted
from features.foreign.columns import column_names, columns_by_place, read_label
from features.foreign.contract import TRACK, Content, Item, Note
from features.foreign.outgoing import Outgoing, squeezed
from features.foreign.recognise import begins_with
from features.store.format import Array
from features.untrusted.datasets import (
    attributes_of,
    datasets_below,
    opened,
    own_dataset,
    read_dataset,
    read_texts,
    steps_of,
)

SUFFIXES = (".h5", ".hdf5")
CARRIES = ("lengths", "labels", "splits", "texts", "layers", "number-format")
MAGIC = b"\x89HDF\r\n\x1a\n"
STATED = ("modality", "rate_hz", "first_step_s", "layers", "dtype", "recipe")


def recognises(path: Path) -> bool:
    """HDF5, but not CMU's computational sequences."""
    from features.exchange import csd

    return begins_with(path, MAGIC) and not csd.recognises(path)


def read(path: Path, note: Note) -> Content:
    """Every dataset of numbers, by its path; labels where the file has ours."""
    with opened(path) as file:
        attributes = attributes_of(file, STATED, path)
        is_packed = {"values", "start", "length", "ids"} <= set(file)
        is_ours = "ids" in file and ("tracks" in file or is_packed)
        if is_ours:
            ids = read_texts(file, "ids", path)
        else:
            ids = [name for name, _ in datasets_below(file, path)]
    layout = "packed values and an index" if is_packed else "a dataset for each utterance"
    origin = "listed in it" if is_ours else "the paths of the datasets"
    note(f"HDF5, {layout}, {len(ids)} utterances; ids are {origin}")
    items = _ours(path, is_packed) if is_ours else _others(path, note)
    return Content(items, len(ids), attributes)


def _ours(path: Path, is_packed: bool) -> Iterator[Item]:
    with opened(path) as file:
        ids = read_texts(file, "ids", path)
        columns = {
            field: _column(file, place, len(ids), path)
            for place, field in {**column_names(), "reason": "reason"}.items()
            if place in file
        }
        tracks = _packed(file, ids, path) if is_packed else _by_id(file, ids, path)
        for row, (name, track) in enumerate(zip(ids, tracks, strict=True)):
            values = {field: column[row] for field, column in columns.items()}
            label, text = read_label(values, f"{path}: {name!r}")
            reason = str(values.get("reason") or "absent")
            yield Item(name, {} if track is None else {TRACK: track}, label, text, reason)


def _column(file: Any, place: str, num_rows: int, path: Path) -> list[Any]:
    dataset = own_dataset(file, place, path)
    column = (
        read_texts(file, place, path)
        if dataset.dtype.kind == "O"
        else read_dataset(dataset, path).tolist()
    )
    if len(column) != num_rows:
        raise ProjectError(f"{path}: {place} has {len(column)} rows for {num_rows} ids")
    return column


def _by_id(file: Any, ids: list[str], path: Path) -> Iterator[Array | None]:
    for name in ids:
        place = f"tracks/{name}"
        yield read_dataset(own_dataset(file, place, path), path) if place in file else None


def _packed(file: Any, ids: list[str], path: Path) -> Iterator[Array | None]:
    values = own_dataset(file, "values", path)
    places = [read_dataset(own_dataset(file, name, path), path) for name in ("start", "length")]
    if any(place.shape != (len(ids),) or place.dtype.kind not in "iu" for place in places):
        raise ProjectError(f"{path}: start and length must be whole numbers, one for each id")
    num_steps = steps_of(values)
    for name, start, length in zip(ids, *(place.tolist() for place in places), strict=True):
        if start < 0 or length < 0 or start + length > num_steps:
            raise ProjectError(
                f"{path}: {name!r} has the steps {start} to {start + length}, but there are "
                f"{num_steps}"
            )
        yield np.asarray(values[..., start : start + length, :]) if length else None


def _others(path: Path, note: Note) -> Iterator[Item]:
    """A file of another tool: the path of a dataset is the id, without what all have in common."""
    num_other = 0
    with opened(path) as file:
        names = [name for name, _ in datasets_below(file, path)]
        first = names[0].split("/")[0] if names else ""
        shared = f"{first}/" if all(name.startswith(f"{first}/") for name in names) else ""
        # Lengths or labels beside tracks are no tracks.
        has_steps = any(file[name].ndim > 1 for name in names)
        for name in names:
            dataset = own_dataset(file, name, path)
            is_beside = has_steps and dataset.ndim == 1 and dataset.dtype.kind in "iu"
            if dataset.dtype.kind not in "fiu" or dataset.ndim == 0 or is_beside:
                num_other += 1
                continue
            yield Item(name.removeprefix(shared), {TRACK: read_dataset(dataset, path)})
    if num_other:
        note(f"left out, because they are not tracks: {counted(num_other, 'dataset')}")


def write(outgoing: Outgoing, path: Path, *, packed: bool = False) -> None:
    """Write the tracks of one store; see the top of this file."""
    import h5py

    with h5py.File(path, "w", libver="latest") as file:
        for name, value in outgoing.attributes().items():
            if value is not None:
                file.attrs[name] = json.dumps(value) if isinstance(value, dict) else value
        texts = h5py.string_dtype()
        for place, column in columns_by_place(outgoing).items():
            is_text = column.dtype.kind == "O"
            file.create_dataset(place, data=column, dtype=texts if is_text else None)
        file.create_dataset("ids", data=np.array(outgoing.ids, object), dtype=texts)
        file.create_dataset("reason", data=np.array(outgoing.reasons, object), dtype=texts)
        if packed:
            _write_packed(file, outgoing)
            return
        tracks = file.create_group("tracks")
        for name, track in outgoing.tracks():
            if name in (".", "..") or name.startswith("/") or name in tracks:
                raise ProjectError(
                    f"{name!r} cannot be the name of a dataset beside the others; export with "
                    "--packed, which does not use ids as names"
                )
            try:
                tracks.create_dataset(name, data=squeezed(track))
            except (ValueError, TypeError, KeyError) as error:
                raise ProjectError(
                    f"{name!r} cannot be the name of a dataset ({error}); export with --packed"
                ) from None


def _write_packed(file: Any, outgoing: Outgoing) -> None:
    lengths = outgoing.store.lengths
    num_layers, dim = len(outgoing.layers), outgoing.store.dim
    shape = (num_layers, int(lengths.sum()), dim)
    values = file.create_dataset(
        "values", shape[1:] if num_layers == 1 else shape, outgoing.store.dtype
    )
    end = 0
    for _, track in outgoing.tracks():
        num_steps = track.shape[1]
        values[..., end : end + num_steps, :] = track[0] if num_layers == 1 else track
        end += num_steps
    file.create_dataset("length", data=lengths)
    file.create_dataset("start", data=np.cumsum(lengths) - lengths)
