"""CMU's computational sequences (``.csd``): steps with their intervals in seconds, by video.

A file has one group, named after the sequence, with ``data/<id>/features`` `(T, D)` and
``data/<id>/intervals`` `(T, 2)`, and ``metadata``. An exported file has one id for each utterance,
whose times begin with it; text steps have no times and are numbered instead. In this format labels
are sequences of their own; they are not exported, nor are utterances without a track.
"""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from features.errors import ProjectError
from features.foreign.contract import TRACK, Content, Item, Note
from features.foreign.outgoing import Outgoing
from features.foreign.recognise import begins_with
from features.store.format import Array
from features.untrusted.datasets import opened, own_dataset, read_dataset, read_texts

SUFFIXES = (".csd",)
CARRIES = ("lengths", "times", "number-format")
MAGIC = b"\x89HDF\r\n\x1a\n"
# Intervals that are equally long to this share make a rate.
SAME = 0.01
# What the numbers of intervals are; a key of our own.
UNITS = "interval units"
METADATA = {
    "computational sequence description": "tracks of a frozen network, exported",
    "dimension names": "",
    "computational sequence version": "1",
    "alignment compatible": True,
    "dataset name": "",
    "dataset version": "1",
    "creator": "",
    "contact": "",
    "featureset bib citation": "",
    "dataset bib citation": "",
}


def recognises(path: Path) -> bool:
    """HDF5 with one group that has ``data``, the groups of which have features and intervals."""
    if not begins_with(path, MAGIC):
        return False
    try:
        with opened(path) as file:
            root = _root(file, path)
            data = file[f"{root}/data"]
            first = next(iter(data), None)
            return first is not None and {"features", "intervals"} <= set(data[first])
    except (ProjectError, KeyError, TypeError, AttributeError):
        return False


def _root(file: Any, path: Path) -> str:
    import h5py

    names = list(file)
    is_group = len(names) == 1 and isinstance(file.get(names[0], getlink=True), h5py.HardLink)
    if not is_group or "data" not in file[names[0]]:
        raise ProjectError(f"{path} does not have one sequence with data in it")
    name: str = names[0]
    return name


def read(path: Path, note: Note) -> Content:
    """Every video, or aligned utterance ``video[k]``; steps in the order of their times."""
    with opened(path) as file:
        root = _root(file, path)
        names = sorted(file[f"{root}/data"])
        attributes = {} if _are_numbered(file, root, path) else _rate(file, root, names, path)
    note(f"computational sequence {root!r}, {len(names)} ids, without labels")
    return Content(_items(path, root, names, note), len(names), attributes)


def _are_numbered(file: Any, root: str, path: Path) -> bool:
    """Whether intervals are numbers of steps, as they go out where a store knows no times."""
    place = f"{root}/metadata/{UNITS}"
    return place in file and read_texts(file, place, path) == [json.dumps("steps")]


def _rate(file: Any, root: str, names: list[str], path: Path) -> dict[str, Any]:
    """Steps per second and the middle of the first, where intervals are even.

    Those of the first id with two steps or more decide.
    """
    for name in names:
        intervals = _intervals(file, f"{root}/data/{name}", path)
        if len(intervals) < 2:
            continue
        lengths = intervals[:, 1] - intervals[:, 0]
        gaps = intervals[1:, 0] - intervals[:-1, 1]
        allowed = SAME * lengths.mean()
        if lengths.min() <= 0 or np.ptp(lengths) >= allowed or np.abs(gaps).max() >= allowed:
            return {}
        return {"rate_hz": float(1 / lengths.mean()), "first_step_s": float(intervals[0].mean())}
    return {}


def _items(path: Path, root: str, names: list[str], note: Note) -> Iterator[Item]:
    num_sorted = 0
    with opened(path) as file:
        for name in names:
            place = f"{root}/data/{name}"
            intervals = _intervals(file, place, path)
            values = read_dataset(own_dataset(file, f"{place}/features", path), path)
            if values.ndim != 2 or len(values) != len(intervals):
                raise ProjectError(
                    f"{path}: {name!r} has features of the shape {values.shape} and "
                    f"{len(intervals)} intervals"
                )
            order = np.argsort(intervals[:, 0], kind="stable")
            if (order != np.arange(len(order))).any():
                num_sorted += 1
                values = values[order]
            yield Item(name, {TRACK: values} if len(values) else {})
    if num_sorted:
        note(f"the steps of {num_sorted} ids were not in order of time and were sorted")


def _intervals(file: Any, place: str, path: Path) -> Array:
    intervals = read_dataset(own_dataset(file, f"{place}/intervals", path), path)
    if intervals.ndim != 2 or intervals.shape[1] != 2:
        raise ProjectError(f"{path}: {place}/intervals has the shape {intervals.shape}, not (T, 2)")
    wrong = ~(intervals[:, 0] <= intervals[:, 1]) | ~np.isfinite(intervals).all(axis=1)
    if wrong.any():
        start, end = intervals[np.flatnonzero(wrong)[0]].tolist()
        raise ProjectError(f"{path}: {place} has an interval from {start:g} to {end:g} seconds")
    return intervals


def write(outgoing: Outgoing, path: Path) -> None:
    """Write the tracks of one store; see the top of this file."""
    import h5py

    outgoing.one_layer("csd")
    root = outgoing.name.replace("/", "-")
    rate_hz = outgoing.store.attributes["rate_hz"]
    step_s = 1.0 if rate_hz is None else 1 / rate_hz
    first_step_s = outgoing.store.attributes["first_step_s"]
    start_s = 0.0 if rate_hz is None or first_step_s is None else first_step_s - step_s / 2
    units = "steps" if rate_hz is None else "seconds"
    with h5py.File(path, "w", libver="latest") as file:
        sequence = file.create_group(root)
        for name, value in {"root name": root, UNITS: units, **METADATA}.items():
            stated = outgoing.store.attributes["recipe"] if name == "dimension names" else value
            text = np.array([json.dumps(stated)], object)
            sequence.create_dataset(f"metadata/{name}", data=text, dtype=h5py.string_dtype())
        data = sequence.create_group("data")
        for name, track in outgoing.tracks():
            if "/" in name or name in (".", ".."):
                raise ProjectError(f"{name!r} cannot be the name of a sequence in a csd file")
            edges = start_s + np.arange(track.shape[1] + 1) * step_s
            video = data.create_group(name)
            video.create_dataset("features", data=track[0])
            video.create_dataset("intervals", data=np.stack([edges[:-1], edges[1:]], 1))
