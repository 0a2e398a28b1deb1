"""Ready-made features: tables of numbers with or without ids, and arrays of NumPy."""

import csv
import fnmatch
import io
import re
import warnings
import zipfile
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from features.errors import ProjectError, did_you_mean, quoted

Rows = NDArray[np.float32]
DELIMITERS = ("\t", ";", ",")


@dataclass(frozen=True)
class FeatureRows:
    """Where an utterance's rows are: a file, its id, and its place among those that share the file.

    `stretches` are the seconds that are read, all where it is empty. `digest` is that of the file.
    """

    path: Path
    digest: str
    id: str
    place: int
    num_sharing: int
    stretches: tuple[tuple[float | None, float | None], ...] = ()


@dataclass(frozen=True)
class Table:
    """The numbers of a file `(N, ...)`, and which rows each id has where a column names them."""

    values: NDArray[np.float64]
    columns: tuple[str, ...]
    rows: dict[str, list[int]] | None


@lru_cache(maxsize=2)
def read_rows(
    path: Path,
    digest: str,
    columns: tuple[str, ...] | None,
    id_column: str | None,
    id_pattern: str | None,
) -> Table:
    """A table (comma, semicolon or tab between cells) or a ``.npy`` array.

    `columns` are the names, or patterns of names such as ``AU*_r``, that are taken, all but the
    ids where they are None. A table whose first line is numbers alone has no header; its columns
    are called 0, 1, ... Rows of ids that `id_pattern` does not match are left out. Raises
    ProjectError where a column is missing or holds no numbers.
    """
    if path.suffix.lower() == ".npy":
        return Table(_read_array(path), (), None)
    try:
        text = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise ProjectError(f"{path} is not a table in UTF-8: {error}") from None
    lines = [line for line in re.split(r"\r\n|\r|\n", text) if line.strip()]
    if not lines:
        raise ProjectError(f"{path} is empty; it must be a table of numbers")
    delimiter = max(DELIMITERS, key=lines[0].count)
    names, headed = _header(path, lines[0], delimiter)
    if id_column is not None and id_column not in names:
        raise ProjectError(
            f"{path} has no column {id_column!r}; it has {quoted(names)}."
            + did_you_mean(id_column, names)
        )
    selected = _selected(path, names, columns, id_column)
    numbers = _numbers(path, lines, delimiter, headed, [names.index(name) for name in selected])
    rows = None
    if id_column is not None:
        cells = csv.reader(lines[headed:], delimiter=delimiter)
        rows = _rows_by_id((row[names.index(id_column)].strip() for row in cells), id_pattern)
    return Table(numbers, tuple(selected), rows)


def _header(path: Path, line: str, delimiter: str) -> tuple[list[str], bool]:
    """The names of the columns, and whether the first line gives them."""
    first = [cell.strip() for cell in next(csv.reader([line], delimiter=delimiter))]
    headed = not all(_is_number(cell) for cell in first)
    names = first if headed else [str(number) for number in range(len(first))]
    for name in names:
        if names.count(name) > 1:
            raise ProjectError(f"{path} has several columns {name!r}; give each its own name")
    return names, headed


def id_key(pattern: str | None, name: str) -> str | None:
    """The compared part of an id: all, or what the pattern's group captures; None: no match."""
    if pattern is None:
        return name
    match = re.fullmatch(pattern, name)
    return None if match is None else match[1]


def _read_array(path: Path) -> NDArray[np.float64]:
    try:
        values = np.load(path, allow_pickle=False)
    except (ValueError, OSError, EOFError, zipfile.BadZipFile) as error:
        raise ProjectError(f"{path} is not a NumPy array of numbers: {error}") from None
    if not isinstance(values, np.ndarray) or values.dtype.kind not in "fiu":
        raise ProjectError(f"{path} is not a NumPy array of numbers")
    return values.astype(np.float64)


def _selected(
    path: Path, names: Sequence[str], columns: tuple[str, ...] | None, id_column: str | None
) -> list[str]:
    if columns is None:
        return [name for name in names if name != id_column]
    for pattern in columns:
        if not fnmatch.filter(names, pattern):
            raise ProjectError(
                f"{path} has no column {pattern!r}; it has {quoted(names)}."
                + did_you_mean(pattern, names)
            )
    return [name for name in names if any(fnmatch.fnmatchcase(name, p) for p in columns)]


def _numbers(
    path: Path, lines: Sequence[str], delimiter: str, headed: bool, numbers: Sequence[int]
) -> NDArray[np.float64]:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # a table without rows
            return np.loadtxt(
                io.StringIO("\n".join(lines)), delimiter=delimiter, skiprows=int(headed), ndmin=2,
                usecols=numbers, quotechar='"', comments=None,
            )  # fmt: skip
    except ValueError as error:
        raise ProjectError(
            f"{path} has a cell that is not a number ({error}); name the columns that are numbers "
            "under 'columns'"
        ) from None


def _rows_by_id(ids: Iterable[str], pattern: str | None) -> dict[str, list[int]]:
    rows: dict[str, list[int]] = defaultdict(list)
    for number, name in enumerate(ids):
        key = id_key(pattern, name)
        if key is not None:
            rows[key].append(number)
    return dict(rows)


def _is_number(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return False
    return True
