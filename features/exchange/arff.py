"""ARFF, the tables of Weka and openSMILE: one row for each utterance, pooled as in `pooled`.

Attributes of text are ids (``id`` or ``name``) and texts, nominal ones are labels, numeric ones the
numbers of one step. openSMILE's ``class`` is taken for the emotion.
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from features.errors import ProjectError
from features.extras import require_extra
from features.foreign.columns import ARRAYS, read_label, written_column
from features.foreign.contract import CLASSES, ID_NAMES, TRACK, Content, Item, Note
from features.foreign.outgoing import COLUMNS, Outgoing
from features.foreign.pooling import pooled, pooled_names

SUFFIXES = (".arff",)
CARRIES = ("labels", "splits", "texts")
HEAD_BYTES = 65536
CLASS = "class"


def recognises(path: Path) -> bool:
    """A text file with a line that begins with ``@relation``."""
    if not path.is_file():
        return False
    with path.open("rb") as file:
        head = file.read(HEAD_BYTES)
    return any(line.strip().lower().startswith(b"@relation") for line in head.splitlines())


def read(path: Path, note: Note) -> Content:
    """Every row as one step; attributes that are neither ids, labels nor numbers are left out."""
    names, kinds = _attributes(path)
    id_name = next((name for name in ID_NAMES if name in names), None)
    if id_name is None:
        raise ProjectError(f"{path} has no attribute of ids; call it one of {', '.join(ID_NAMES)}")
    own_names = {*COLUMNS, "text", "reason", id_name}
    fields = {name: name for name in names if name in own_names}
    if CLASS in names and "emotion" not in names:
        fields[CLASS] = "emotion"
    numbers = [
        name
        for name, kind in zip(names, kinds, strict=True)
        if name not in fields
        and isinstance(kind, str)
        and kind.upper() in ("NUMERIC", "REAL", "INTEGER")
    ]
    others = [name for name in names if name not in numbers and name not in fields]
    note(f"ARFF, {len(numbers)} numbers for each utterance, ids in {id_name!r}")
    if others:
        note(f"attributes that are left out: {', '.join(others[:20])}")
    if not numbers:
        raise ProjectError(f"{path} has no numeric attributes")
    return Content(_items(path, names, id_name, numbers, fields))


def _attributes(path: Path) -> tuple[list[str], list[Any]]:
    for first in _decoded(path):
        return first["names"], first["kinds"]
    raise ProjectError(f"{path} is empty")


def _decoded(path: Path) -> Iterator[dict[str, Any]]:
    """The attributes, then each row as a list; ProjectError for a file that is not ARFF."""
    require_extra("arff", "arff", "liac-arff")
    import arff

    try:
        with path.open(encoding="utf-8") as file:
            content = arff.load(file, return_type=arff.DENSE_GEN)
            names = [name for name, _ in content["attributes"]]
            yield {"names": names, "kinds": [kind for _, kind in content["attributes"]]}
            for row in content["data"]:
                yield {"row": row}
    except ProjectError:
        raise
    except (
        arff.ArffException,
        ValueError,
        IndexError,
        TypeError,
        AttributeError,
        OSError,
    ) as error:
        # The text of the library's errors may itself be an error.
        raise ProjectError(f"{path} is not ARFF ({type(error).__name__})") from None


def _items(
    path: Path, names: list[str], id_name: str, numbers: list[str], fields: dict[str, str]
) -> Iterator[Item]:
    for position, entry in enumerate(_decoded(path)):
        if position == 0:
            continue
        values = dict(zip(names, entry["row"], strict=True))
        label, text = read_label(
            {field: values[name] for name, field in fields.items() if name != id_name},
            f"{path}, row {position}",
        )
        row = [math.nan if values[name] is None else float(values[name]) for name in numbers]
        track = np.array(row)
        name = _written_id(values[id_name], path, position)
        yield Item(name, {} if np.isnan(track).all() else {TRACK: track}, label, text)


def _written_id(value: Any, path: Path, row: int) -> str:
    """The id as the file has it: numeric attributes are read as 7.0; ProjectError without one."""
    if value is None or value == "":
        raise ProjectError(f"{path}, row {row}: the id is missing; give each utterance its own")
    return f"{value:.0f}" if isinstance(value, float) and value.is_integer() else str(value)


def write(outgoing: Outgoing, path: Path) -> None:
    """Write a row for each utterance of one store; see the top of this file."""
    require_extra("arff", "arff", "liac-arff")
    import arff

    outgoing.refuse_blanks("arff")
    columns = {name: written_column(name, values) for name, values in outgoing.columns.items()}
    _refuse_unquoted(outgoing.ids, columns)
    names = pooled_names(outgoing.layers, outgoing.store.dim)
    kinds: list[tuple[str, Any]] = [("id", "STRING")]
    for name, values in columns.items():
        classes = (
            sorted({value for value in values if value}) if name in (*CLASSES, "split") else []
        )
        kinds.append((name, classes or ("REAL" if name in ARRAYS else "STRING")))
    document = {
        "relation": outgoing.name,
        "attributes": [*kinds, *((name, "REAL") for name in names)],
        "data": _Rows(outgoing, columns, len(names)),
    }
    with path.open("w", encoding="utf-8") as file:
        for line in arff.ArffEncoder().iter_encode(document):
            file.write(line + "\n")


def _refuse_unquoted(ids: Sequence[str], columns: Mapping[str, Any]) -> None:
    """Raise ProjectError for a word that liac-arff does not quote and would read as something else.

    ``?`` is a missing value, a brace begins a sparse row.
    """
    words = [*ids]
    for name, values in columns.items():
        words += [] if name in ARRAYS else [str(value) for value in values if value]
    for word in words:
        if word == "?" or (set(word) & set("{}") and " " not in word):
            raise ProjectError(
                f"{word!r} has a special meaning in arff; export to hdf5, npz or parquet"
            )


class _Rows(Sequence[list[Any]]):
    """The rows of the table, each made when the encoder asks for it."""

    def __init__(self, outgoing: Outgoing, columns: dict[str, Any], width: int) -> None:
        self.outgoing, self.columns, self.width = outgoing, columns, width

    def __len__(self) -> int:
        return len(self.outgoing.ids)

    def __getitem__(self, row: Any) -> Any:
        if row >= len(self):
            raise IndexError(row)
        has_track = self.outgoing.store.lengths[row] > 0
        values = pooled(self.outgoing.track(row)) if has_track else [None] * self.width
        labels = [_cell(name, column[row]) for name, column in self.columns.items()]
        return [self.outgoing.ids[row], *labels, *values]


def _cell(name: str, value: Any) -> Any:
    if name in ARRAYS:
        return None if math.isnan(value) else float(value)
    return value or None
