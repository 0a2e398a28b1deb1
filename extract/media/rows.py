"""Ready-made features: tables of numbers with or without ids, and arrays of NumPy."""

import fnmatch
import re
import zipfile
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence, Set
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from extract.media.clock import CONFIDENCE, FACE, SUCCESS, Clock, clock_columns
from features.errors import ProjectError, and_more, did_you_mean
from features.tables.numbers import NumberTable

NUM_LISTED = 20
# A larger number cannot be a time: single seconds can no longer be distinguished.
MAX_TIME_S = 1e15


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
    """The numbers of a file `(N, ...)`, which rows each id has where a column names them, and when
    each row is, where columns say so."""

    values: NDArray[np.float64]
    columns: tuple[str, ...]
    rows: dict[str, list[int]] | None
    clock: Clock | None = None


def read_rows(
    path: Path,
    digest: str,
    columns: tuple[str, ...] | None,
    id_column: str | None,
    id_pattern: str | None,
) -> Table:
    """A table of any format (features/tables), or a ``.npy`` array.

    `columns` are the names, or patterns of names such as ``AU*_r``, that are taken; where they are
    None, all but the ids and the columns of the clock. A table whose first line is all numbers
    has no header; its columns are called 0, 1, ... Rows of ids that `id_pattern` does not match are
    left out. Raises ProjectError for a file that cannot be read, and where a column is missing or
    holds no numbers.
    """
    table = _read(path, digest, columns, id_column, id_pattern)
    if isinstance(table, ProjectError):
        raise table
    return table


@lru_cache(maxsize=2)
def _read(
    path: Path,
    digest: str,
    columns: tuple[str, ...] | None,
    id_column: str | None,
    id_pattern: str | None,
) -> Table | ProjectError:
    """A file that several utterances share is read only once, even if it cannot be used."""
    try:
        if path.suffix.lower() == ".npy":
            return Table(_read_array(path), (), None)
        return _read_table(path, columns, id_column, id_pattern)
    except ProjectError as error:
        return error


def _read_table(
    path: Path, columns: tuple[str, ...] | None, id_column: str | None, id_pattern: str | None
) -> Table:
    table = NumberTable(path)
    repeated = [name for name, count in Counter(table.names).items() if name and count > 1]
    if repeated:
        raise ProjectError(f"{path} has several columns {repeated[0]!r}; give each its own name")
    if id_column is not None and id_column not in table.names:
        raise _no_column(path, id_column, table.names)
    time, no_features = clock_columns(table.names)
    left_out = no_features | {id_column}
    selected = _selected(path, table.names, columns, left_out)
    of_clock = [name for name in (FACE, SUCCESS, CONFIDENCE) if name in no_features]
    numbers = table.numbers([*selected, *of_clock])
    times = None if time is None else table.seconds(time)
    by_name = dict(zip(of_clock, numbers[:, len(selected) :].T, strict=True))
    rows = None if id_column is None else _rows_by_id(table.texts(id_column), id_pattern)
    values = np.ascontiguousarray(numbers[:, : len(selected)])
    return Table(values, tuple(selected), rows, _clock(path, times, by_name, len(values)))


def _clock(
    path: Path,
    times: NDArray[np.float64] | None,
    columns: Mapping[str, NDArray[np.float64]],
    num_rows: int,
) -> Clock | None:
    if times is None and not columns:
        return None
    if times is not None and not (np.abs(times) < MAX_TIME_S).all():
        raise ProjectError(f"{path}: a row has no time; the column of times must hold seconds")
    seen = columns[SUCCESS] > 0 if SUCCESS in columns else np.ones(num_rows, bool)
    return Clock(seen, times, columns.get(FACE), columns.get(CONFIDENCE))


def id_key(pattern: str | None, name: str) -> str | None:
    """The compared part of an id: all, or what the pattern's groups capture; None: no match."""
    if pattern is None:
        return name
    match = re.fullmatch(pattern, name)
    return None if match is None else "\n".join(group or "" for group in match.groups())


def _read_array(path: Path) -> NDArray[np.float64]:
    try:
        values = np.load(path, allow_pickle=False)
    except (ValueError, OSError, EOFError, zipfile.BadZipFile) as error:
        raise ProjectError(f"{path} is not a NumPy array of numbers: {error}") from None
    if not isinstance(values, np.ndarray) or values.dtype.kind not in "fiu":
        raise ProjectError(f"{path} is not a NumPy array of numbers")
    return values.astype(np.float64)


def _selected(
    path: Path,
    names: Sequence[str],
    columns: tuple[str, ...] | None,
    left_out: Set[str | None],
) -> list[str]:
    if columns is None:
        return [name for name in names if name not in left_out]
    kept: set[str] = set()
    for pattern in columns:
        matching = fnmatch.filter(names, pattern)
        if not matching:
            raise _no_column(path, pattern, names)
        kept.update(matching)
    return [name for name in names if name in kept]


def _no_column(path: Path, name: str, names: Sequence[str]) -> ProjectError:
    listed = and_more([repr(each) for each in sorted(names)], NUM_LISTED)
    return ProjectError(
        f"{path} has no column {name!r}; it has {listed}.{did_you_mean(name, names)}"
    )


def _rows_by_id(ids: Iterable[str], pattern: str | None) -> dict[str, list[int]]:
    rows: dict[str, list[int]] = defaultdict(list)
    for number, name in enumerate(ids):
        key = id_key(pattern, name)
        if key is not None:
            rows[key].append(number)
    return dict(rows)
