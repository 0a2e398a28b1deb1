"""A folder with a ``.npy`` file for each utterance, as MERBench, EmoBox and FunASR write them.

Ids are the paths below the folder without the ending. What goes out has, beside the files,
``labels.csv`` (id, split, labels, text) and ``attributes.json``.
"""

import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from features.errors import ProjectError
from features.foreign.columns import json_object
from features.foreign.contract import TRACK, Content, Item, Note
from features.foreign.label_table import labels_by_id, write_labels
from features.foreign.outgoing import Outgoing, squeezed
from features.untrusted import npy
from features.untrusted.regular import refuse_links_out

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
    table, stated = path / LABELS, path / ATTRIBUTES
    refuse_links_out(path, [*files, table, stated])
    ids = {file.relative_to(path).with_suffix("").as_posix(): file for file in files}
    labels = labels_by_id(table) if table.is_file() else {}
    with_labels = f", {LABELS}" if labels else ""
    note(f"a folder of {len(ids)} .npy files{with_labels}; ids are their paths")
    attributes = json_object(stated.read_bytes(), str(stated)) if stated.is_file() else {}
    return Content(_items(ids, labels), len(ids), attributes)


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
    outgoing.refuse_blanks("npy-tree")
    path.mkdir()
    for name, track in outgoing.tracks():
        file = path / f"{name}.npy"
        if Path(name).is_absolute() or ".." in Path(name).parts or Path(name).as_posix() != name:
            raise ProjectError(f"{name!r} cannot be the name of a file; export to another format")
        file.parent.mkdir(parents=True, exist_ok=True)
        if file.exists():
            raise ProjectError(
                f"{name!r} and another id would have the same file; export to another format"
            )
        try:
            np.save(file, squeezed(track))
        except (OSError, ValueError) as error:
            if getattr(error, "errno", None) == 28:
                raise
            raise ProjectError(f"{name!r} cannot be the name of a file ({error})") from None
    write_labels(outgoing, path / LABELS)
    (path / ATTRIBUTES).write_text(json.dumps(outgoing.attributes()))
