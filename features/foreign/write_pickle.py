"""Writes pickles of plain data in which large padded arrays are never whole in memory.

Arrays are written under the names that NumPy 1 and 2 both read.
"""

import pickle
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, ClassVar

import numpy as np

from features.foreign.outgoing import Outgoing
from features.progress import progress
from features.store.format import Array


@dataclass(frozen=True)
class PaddedArray:
    """The tracks of some rows, `(N, T, D)` float32, padded with zeros at their end."""

    outgoing: Outgoing
    field: str
    rows: Sequence[int]
    num_steps: int

    @property
    def shape(self) -> tuple[int, int, int]:
        """Its shape."""
        return len(self.rows), self.num_steps, self.outgoing.stores[self.field].dim

    def blocks(self) -> Iterator[bytes]:
        """The bytes of each padded track in turn."""
        _, num_steps, dim = self.shape
        for row in progress(self.rows, f"export {self.field}", len(self.rows), "tracks"):
            padded = np.zeros((num_steps, dim), np.float32)
            track = self.outgoing.track(row, self.field)[0]
            padded[: len(track)] = track
            yield padded.tobytes()


# Python's own, whose methods can be replaced type by type.
PythonPickler: Any = pickle._Pickler  # type: ignore[attr-defined]


class _Pickler(PythonPickler):  # type: ignore[misc]
    """A pickler of protocol 4 that writes arrays itself."""

    dispatch: ClassVar[dict[Any, Any]] = dict(PythonPickler.dispatch)

    def save_array(self, values: Array | PaddedArray) -> None:
        """``_reconstruct(ndarray, (0,), b"b")``, then the state with the values."""
        dtype = np.dtype(np.float32) if isinstance(values, PaddedArray) else values.dtype
        self.write(b"cnumpy.core.multiarray\n_reconstruct\ncnumpy\nndarray\n")
        self.save((0,))
        self.save(b"b")
        self.write(pickle.TUPLE3 + pickle.REDUCE + pickle.MARK)
        self.save(1)
        self.save(values.shape)
        self.write(b"cnumpy\ndtype\n")
        self.save(dtype.str[1:])
        self.write(pickle.NEWFALSE + pickle.NEWTRUE + pickle.TUPLE3 + pickle.REDUCE)
        self.save((3, "<", None, None, None, -1, -1, 0))
        self.write(pickle.BUILD + pickle.NEWFALSE)
        blocks = _blocks(values)
        num_bytes = int(np.prod(values.shape)) * dtype.itemsize
        self.framer.commit_frame(force=True)
        self.file.write(pickle.BINBYTES8 + num_bytes.to_bytes(8, "little"))
        for block in blocks:
            self.file.write(block)
        self.write(pickle.TUPLE + pickle.BUILD)

    dispatch[np.ndarray] = save_array
    dispatch[PaddedArray] = save_array

    def __init__(self, file: IO[bytes]) -> None:
        super().__init__(file, protocol=4)
        self.file = file


def _blocks(values: Array | PaddedArray) -> Iterator[bytes]:
    if isinstance(values, PaddedArray):
        yield from values.blocks()
    else:
        yield np.ascontiguousarray(values).tobytes()


def write_pickle(path: Path, document: Any) -> None:
    """Write plain containers, strings, numbers, arrays and padded arrays."""
    with path.open("wb") as file:
        _Pickler(file).dump(document)
