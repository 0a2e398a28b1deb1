"""A table with one row for each utterance: mean and standard deviation of its track over the steps.

What goes out has the columns ``id``, what is known of the utterance, and ``mean_0 ... std_0 ...``
(of several layers ``layer3_mean_0 ...``), nan where there is no track. What comes in may be any
table with ids and columns of numbers, which become the numbers of one step.
"""

import csv
import math
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from features.errors import ProjectError
from features.foreign.columns import read_label, written_column
from features.foreign.contract import ID_NAMES, TRACK, Content, Item, Note
from features.foreign.label_table import cell
from features.foreign.outgoing import COLUMNS, Outgoing
from features.foreign.pooling import pooled, pooled_names
from features.tables.numbers import NumberTable, is_number

SUFFIXES = (".csv", ".tsv")
NAMED = True
CARRIES = ("labels", "splits", "texts")


def recognises(path: Path) -> bool:
    """A delimited table with a column of ids and one of numbers."""
    if not path.is_file() or path.suffix.lower() not in SUFFIXES:
        return False
    try:
        return _id_column(NumberTable(path).names) is not None
    except ProjectError:
        return False


def _id_column(names: Sequence[str]) -> str | None:
    by_name = {name.lower(): name for name in reversed(names)}
    return next((by_name[name] for name in ID_NAMES if name in by_name), None)


def read(path: Path, note: Note) -> Content:
    """Every row as one step; columns that are neither ids, labels nor numbers are left out."""
    table = NumberTable(path)
    id_name = _id_column(table.names)
    if id_name is None:
        raise ProjectError(f"{path} has no column of ids; call it one of {', '.join(ID_NAMES)}")
    repeated = [name for name, count in Counter(table.names).items() if count > 1]
    if repeated:
        raise ProjectError(f"{path} has several columns {repeated[0]!r}; give each its own name")
    own_names = {*COLUMNS, "text", "reason", id_name}
    first = table.first_row()
    numbers = [name for name in table.names if name not in own_names and _is_numeric(first[name])]
    others = [name for name in table.names if name not in (*numbers, *own_names)]
    if not numbers:
        raise ProjectError(f"{path} has no columns of numbers")
    note(f"a table of {len(numbers)} numbers for each utterance, ids in {id_name!r}")
    if others:
        note(f"columns that are left out: {', '.join(others[:20])}")
    return Content(_items(path, table, id_name, numbers))


def _is_numeric(cell: str) -> bool:
    """Whether a column that begins with this cell is one of numbers; a blank may be one missing."""
    return cell == "" or is_number(cell)


def _items(path: Path, table: NumberTable, id_name: str, numbers: list[str]) -> Iterator[Item]:
    values = table.numbers(numbers)
    label_names = [name for name in (*COLUMNS, "text") if name in table.place_of]
    columns = {name: table.texts(name) for name in label_names}
    for row, (name, track) in enumerate(zip(table.texts(id_name), values, strict=True)):
        named = {field: column[row] for field, column in columns.items()}
        label, text = read_label(named, f"{path}: {name!r}")
        yield Item(name, {} if np.isnan(track).all() else {TRACK: track}, label, text)


def write(outgoing: Outgoing, path: Path) -> None:
    """Write a row for each utterance of one store; see the top of this file."""
    outgoing.refuse_blanks("pooled")
    columns = {name: written_column(name, values) for name, values in outgoing.columns.items()}
    names = pooled_names(outgoing.layers, outgoing.store.dim)
    tracks = outgoing.tracks()
    following = next(tracks, None)
    with path.open("w", newline="", encoding="utf-8") as file:
        rows = csv.writer(file)
        rows.writerow(["id", *columns, *names])
        for row, name in enumerate(outgoing.ids):
            values: Sequence[float] = [math.nan] * len(names)
            if following is not None and following[0] == name:
                values = pooled(following[1])
                following = next(tracks, None)
            labels = [cell(column[row]) for column in columns.values()]
            rows.writerow([name, *labels, *(f"{value:.9g}" for value in values)])
