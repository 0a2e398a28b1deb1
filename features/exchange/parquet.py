"""Parquet: a row for each utterance, as Hugging Face datasets, pandas and Spark read it.

Columns are ``id``, what is known of the utterance (split, labels, text), and ``track``, a list of
steps, each a list of numbers in the number format of the store (of several layers, a list of such
lists). What comes in may be any table with a column of ids and one of such lists, or of flat lists
for one step.
"""

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from features.errors import ProjectError
from features.extras import require_extra
from features.foreign.columns import ARRAYS, read_label, written_column
from features.foreign.contract import ID_NAMES, TRACK, Content, Item, Note
from features.foreign.outgoing import COLUMNS, Outgoing
from features.foreign.recognise import begins_with
from features.progress import progress
from features.store.format import Array

SUFFIXES = (".parquet",)
CARRIES = ("lengths", "labels", "splits", "texts", "layers", "number-format")
METADATA = b"permafrost"
# Rows are written and read in groups whose values are of about this size.
GROUP_BYTES = 32_000_000
ROWS_AT_ONCE = 256


def recognises(path: Path) -> bool:
    """A file that begins as parquet does."""
    return begins_with(path, b"PAR1")


def read(path: Path, note: Note) -> Content:
    """Every row; the ids, and every column of lists of numbers as a field."""
    schema, num_rows, metadata = _opened(path)
    id_name = next((name for name in ID_NAMES if name in schema), None)
    fields = [name for name, depth in schema.items() if depth and name not in COLUMNS]
    if id_name is None or not fields:
        raise ProjectError(
            f"{path} has the columns {', '.join(schema)}; it must have a column of ids "
            f"({', '.join(ID_NAMES)}) and one of lists of numbers"
        )
    label_names = [name for name in (*COLUMNS, "text", "reason") if name in schema]
    others = [name for name in schema if name not in (id_name, *fields, *label_names)]
    note(f"parquet, {num_rows} utterances, ids in {id_name!r}, tracks in {', '.join(fields)}")
    if others:
        note(f"columns that are left out: {', '.join(others)}")
    columns = [id_name, *fields, *label_names]
    return Content(_items(path, id_name, fields, columns), num_rows, metadata)


def _opened(path: Path) -> tuple[dict[str, int], int, dict[str, Any]]:
    """How deep the lists of each column are, how many rows there are, and our metadata."""
    require_extra("parquet", "pyarrow", "pyarrow")
    import pyarrow as pa
    import pyarrow.parquet as pq

    with DamageNamed(path), pq.ParquetFile(path) as file:
        schema = file.schema_arrow
        depths = {}
        for name in schema.names:
            depth, kind = 0, schema.field(name).type
            while pa.types.is_list(kind) or pa.types.is_large_list(kind) or _fixed(kind):
                depth, kind = depth + 1, kind.value_type
            is_number = pa.types.is_floating(kind) or pa.types.is_integer(kind)
            depths[name] = depth if is_number else 0
        stated = json.loads((schema.metadata or {}).get(METADATA, b"{}"))
        return depths, file.metadata.num_rows, stated if isinstance(stated, dict) else {}


def _fixed(kind: Any) -> bool:
    import pyarrow as pa

    return bool(pa.types.is_fixed_size_list(kind))


class DamageNamed:
    """Turns what pyarrow raises for a damaged file into a ProjectError."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        import pyarrow as pa

        damaged = (pa.ArrowException, OSError, ValueError, RecursionError, OverflowError, KeyError)
        if isinstance(error, damaged) and not isinstance(error, MemoryError):
            reason = str(error).splitlines()[0][:120] if str(error) else type(error).__name__
            raise ProjectError(f"{self.path} is not a complete parquet file ({reason})") from None


def _items(path: Path, id_name: str, fields: list[str], columns: list[str]) -> Iterator[Item]:
    import pyarrow.parquet as pq

    # Without buffers of whole row groups ahead, which would all stay in memory.
    with DamageNamed(path), pq.ParquetFile(path, pre_buffer=False) as file:
        for batch in file.iter_batches(ROWS_AT_ONCE, columns=columns):
            named = {name: batch.column(name) for name in columns}
            plain = {name: named[name].to_pylist() for name in columns if name not in fields}
            for row, name in enumerate(plain[id_name]):
                where = f"{path}: {str(name)[:60]!r}"
                values = {key: column[row] for key, column in plain.items()}
                tracks = {
                    TRACK if fields == [TRACK] else field: track
                    for field in fields
                    if (track := _track(named[field][row], where)) is not None
                }
                label, text = read_label(values, where)
                reason = str(values.get("reason") or "absent")
                own = str(name) if isinstance(name, int) else name
                yield Item(own, tracks, label, text, reason)


def _track(cell: Any, where: str) -> Array | None:
    """The lists of one row as an array, without a Python object for each number."""
    import pyarrow as pa

    if not cell.is_valid:
        return None
    values, sizes = cell.values, []
    if len(values) == 0:
        return None
    while isinstance(values, pa.ListArray | pa.LargeListArray | pa.FixedSizeListArray):
        lengths = np.unique(values.value_lengths().to_numpy(zero_copy_only=False))
        if values.null_count or len(lengths) != 1 or not lengths[0]:
            raise ProjectError(f"{where}: its lists differ in length, or are empty")
        sizes.append(int(lengths[0]))
        values = values.flatten()
    if values.null_count:
        raise ProjectError(f"{where}: a number is missing")
    flat: Array = values.to_numpy(zero_copy_only=False)
    return flat.reshape(-1, *sizes) if sizes else flat


def write(outgoing: Outgoing, path: Path) -> None:
    """Write the tracks of one store, some rows at a time; see the top of this file."""
    require_extra("parquet", "pyarrow", "pyarrow")
    import pyarrow as pa
    import pyarrow.parquet as pq

    columns = {name: written_column(name, values) for name, values in outgoing.columns.items()}
    steps = pa.list_(pa.list_(pa.from_numpy_dtype(outgoing.store.dtype)))
    is_deep = len(outgoing.layers) > 1
    schema = pa.schema(
        [
            ("id", pa.string()),
            *((name, _kind(name)) for name in columns),
            ("reason", pa.string()),
            (TRACK, pa.list_(steps) if is_deep else steps),
        ],
        metadata={METADATA: json.dumps(outgoing.attributes())},
    )
    with pq.ParquetWriter(path, schema, compression="none", use_dictionary=list(columns)) as file:
        groups = list(_groups(outgoing))
        for rows in progress(groups, f"export {outgoing.name}", len(groups), "groups"):
            labels = [_column(name, values[rows]) for name, values in columns.items()]
            reasons = pa.array([outgoing.reasons[row] for row in rows])
            ids = pa.array([outgoing.ids[row] for row in rows])
            arrays = [ids, *labels, reasons, _lists(outgoing, rows, is_deep)]
            file.write_table(pa.Table.from_arrays(arrays, schema=schema))


def _kind(name: str) -> Any:
    import pyarrow as pa

    if name == "turn":
        return pa.int64()
    return pa.float64() if name in ARRAYS else pa.string()


def _column(name: str, values: Array) -> Any:
    """Values that are missing become null."""
    import pyarrow as pa

    if name in ARRAYS:
        return pa.array(values, mask=np.isnan(values)).cast(_kind(name))
    return pa.array([value or None for value in values], pa.string())


def _groups(outgoing: Outgoing) -> Iterator[list[int]]:
    """Rows whose values together are of about GROUP_BYTES."""
    step_bytes = outgoing.store.dim * len(outgoing.layers) * np.dtype(outgoing.store.dtype).itemsize
    rows: list[int] = []
    num_bytes = 0
    for row, length in enumerate(outgoing.store.lengths.tolist()):
        rows.append(row)
        num_bytes += length * step_bytes + 100
        if num_bytes > GROUP_BYTES:
            yield rows
            rows, num_bytes = [], 0
    if rows:
        yield rows


def _lists(outgoing: Outgoing, rows: Sequence[int], is_deep: bool) -> Any:
    """The tracks of some rows as nested lists, null where there is none."""
    import pyarrow as pa

    tracks = [outgoing.track(row) for row in rows]
    dim = outgoing.store.dim
    flat = np.concatenate([np.ascontiguousarray(track).reshape(-1) for track in tracks])
    values = pa.array(flat)
    lengths = np.array([track.shape[1] for track in tracks])
    num_lists = lengths * (len(outgoing.layers) if is_deep else 1)
    values = pa.ListArray.from_arrays(_offsets(np.full(num_lists.sum(), dim)), values)
    if is_deep:
        each = np.repeat(lengths, np.where(lengths > 0, len(outgoing.layers), 0))
        values = pa.ListArray.from_arrays(_offsets(each), values)
        lengths = np.where(lengths > 0, len(outgoing.layers), 0)
    return pa.ListArray.from_arrays(_offsets(lengths), values, mask=pa.array(lengths == 0))


def _offsets(lengths: Array) -> Any:
    import pyarrow as pa

    return pa.array(np.concatenate([[0], np.cumsum(lengths)]).astype(np.int32))
