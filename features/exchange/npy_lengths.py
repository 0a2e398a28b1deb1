"""One array of all steps and a file of lengths, as emotion2vec and fairseq keep features.

A folder with ``train.npy`` `(N, D)`, ``train.lengths`` (one number per line) and ``train.emo``
(``<id> <label>`` per line), the same for other splits. Ids and splits are kept, the order of the
corpus is that of the splits, and of the labels the emotion alone, or the sentiment.
"""

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from features.errors import ProjectError
from features.foreign.columns import SPLIT_NAMES, read_label
from features.foreign.contract import TRACK, Content, Item, Note
from features.foreign.outgoing import Outgoing
from features.store.format import Array
from features.untrusted import npy
from features.untrusted.regular import refuse_links_out

SUFFIXES = ("",)
FOLDER = True
CARRIES = ("lengths", "labels", "splits", "number-format")
ALL = "all"
NO_LABEL = "<none>"


def recognises(path: Path) -> bool:
    """A folder with an array and lengths of one name."""
    return path.is_dir() and any(file.with_suffix(".npy").exists() for file in _lengths(path))


def _lengths(path: Path) -> list[Path]:
    return sorted(file for file in path.glob("*.lengths") if file.is_file())


def read(path: Path, note: Note) -> Content:
    """Every split in the folder; ids from the labels, or ``<name>-<number>`` without them."""
    stems = [file.stem for file in _lengths(path) if file.with_suffix(".npy").is_file()]
    endings = (".lengths", ".npy", ".emo")
    refuse_links_out(path, [path / f"{stem}{ending}" for stem in stems for ending in endings])
    note(f"arrays with lengths: {', '.join(stems)}")
    note("ids and labels are those of .emo files, where there are some; labels are emotions")
    return Content(_items(path, stems))


def _items(path: Path, stems: list[str]) -> Iterator[Item]:
    for stem in stems:
        lengths = _numbers(path / f"{stem}.lengths")
        values = npy.map_file(path / f"{stem}.npy")
        if sum(lengths) != len(values):
            raise ProjectError(
                f"{path / stem}.lengths add up to {sum(lengths)} steps, and {stem}.npy has "
                f"{len(values)}"
            )
        rows = _labels(path / f"{stem}.emo", stem, len(lengths))
        split = {"split": SPLIT_NAMES[stem]} if stem in SPLIT_NAMES else {}
        end = 0
        for (name, emotion), length in zip(rows, lengths, strict=True):
            label = {**split, **read_label({"emotion": emotion}, f"{path}: {name!r}")[0]}
            track: Array = np.array(values[end : end + length])
            yield Item(name, {TRACK: track} if length else {}, label)
            end += length


def _numbers(path: Path) -> list[int]:
    try:
        lengths = [int(line) for line in path.read_text().split()]
    except (ValueError, UnicodeDecodeError) as error:
        raise ProjectError(f"{path} must have a whole number on each line ({error})") from None
    if any(not 0 <= length < 2**40 for length in lengths):
        raise ProjectError(f"{path} has a length below 0, or beyond any file")
    return lengths


def _labels(path: Path, stem: str, count: int) -> list[tuple[str, str | None]]:
    if not path.is_file():
        return [(f"{stem}-{number}", None) for number in range(count)]
    try:
        lines = path.read_text(encoding="utf-8").removesuffix("\n").split("\n")
    except UnicodeDecodeError as error:
        raise ProjectError(f"{path} is not UTF-8 text ({error})") from None
    if len(lines) != count:
        raise ProjectError(f"{path} has {len(lines)} lines for {count} lengths")
    rows: list[tuple[str, str | None]] = []
    for number, line in enumerate(lines, 1):
        name, _, label = line.rstrip("\r").replace("\t", " ").rpartition(" ")
        if not name.strip():
            raise ProjectError(f"{path}, line {number}: {line[:60]!r} is not '<id> <label>'")
        rows.append((name, None if label == NO_LABEL else label))
    return rows


def write(outgoing: Outgoing, path: Path) -> None:
    """Write a folder with one array for each split; see the top of this file."""
    outgoing.one_layer("npy-lengths")
    outgoing.refuse_blanks("npy-lengths")
    path.mkdir()
    count = len(outgoing.ids)
    splits = outgoing.columns.get("split", [None] * count)
    labels = outgoing.columns.get("emotion", outgoing.columns.get("sentiment", [None] * count))
    for split in dict.fromkeys(splits):
        rows = [row for row in range(count) if splits[row] == split]
        _write_split(outgoing, path / (split or ALL), rows, labels)


def _write_split(outgoing: Outgoing, stem: Path, rows: list[int], labels: list[str | None]) -> None:
    lengths = outgoing.store.lengths[rows].tolist()
    for row in rows:
        if len((labels[row] or NO_LABEL).split()) != 1 or "\t" in outgoing.ids[row]:
            raise ProjectError(
                f"the label {labels[row]!r} or the id {outgoing.ids[row]!r} has a blank or a tab, "
                "which separates ids from labels in this format; export to another one"
            )
    shape = (sum(lengths), outgoing.store.dim)
    with stem.with_suffix(".npy").open("wb") as file:
        file.write(npy.header(shape, outgoing.store.dtype))
        for row in rows:
            file.write(np.ascontiguousarray(outgoing.track(row)[0]).data)
    stem.with_suffix(".lengths").write_text("".join(f"{length}\n" for length in lengths))
    lines = [f"{outgoing.ids[row]} {labels[row] or NO_LABEL}\n" for row in rows]
    stem.with_suffix(".emo").write_text("".join(lines), encoding="utf-8")
