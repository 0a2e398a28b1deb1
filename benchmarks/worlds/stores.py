"""The same tracks as a store of ours and as others keep them, each with a way to read a batch."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import h5py
import lmdb
import numpy as np
import zarr
from numpy.typing import NDArray

from features.store.pool import Pool
from features.store.publish import Header, publish
from features.store.reader import Store

UTTERANCES_PER_PART = 100
Array = NDArray[Any]
# The rows of a batch to their steps, one after another: `(sum of T, D)`.
Read = Callable[[list[int]], Array]


class Joined:
    """Reads a batch by copying each row's steps into one array, as `Store.read` does."""

    def __init__(self, steps_of: Callable[[int], Array], lengths: Sequence[int], dim: int) -> None:
        self.steps_of, self.lengths, self.dim = steps_of, list(lengths), dim

    def __call__(self, rows: list[int]) -> Array:
        joined = np.empty((sum([self.lengths[row] for row in rows]), self.dim), np.float16)
        end = 0
        for row in rows:
            length = self.lengths[row]
            joined[end : end + length] = self.steps_of(row)
            end += length
        return joined


def our_store(folder: Path, values: Array, lengths: Sequence[int]) -> Store:
    """A published store of one layer."""
    pool, parts, start = Pool(folder / "pool"), [], 0
    for first in range(0, len(lengths), UTTERANCES_PER_PART):
        chosen = tuple(lengths[first : first + UTTERANCES_PER_PART])
        part = pool.add(
            values[None, start : start + sum(chosen)],
            key=f"{first:06d}",
            ids=tuple(f"u{first + n}" for n in range(len(chosen))),
            inputs=("",) * len(chosen),
            lengths=chosen,
            reasons=("ok",) * len(chosen),
            spans=None,
            made_with={},
        )
        parts.append(part)
        start += sum(chosen)
    dim = values.shape[1]
    header = Header("", {"code": "benchmark"}, "audio", dim, (0,), "float16", 50.0, 0.0)
    publish(folder / "benchmark.zarr", header, parts, pool)
    return Store(folder / "benchmark.zarr")


def flat_map(folder: Path, values: Array, lengths: Sequence[int]) -> Read:
    """The control: one file of all values, mapped."""
    values.tofile(folder / "flat.bin")
    mapped = np.memmap(folder / "flat.bin", np.float16, "r", shape=values.shape)
    return Joined(_slices(mapped, lengths), lengths, values.shape[1])


def hdf5_flat(folder: Path, values: Array, lengths: Sequence[int]) -> Read:
    """One contiguous dataset of all values."""
    with h5py.File(folder / "flat.h5", "w") as file:
        file["values"] = values
    dataset = h5py.File(folder / "flat.h5")["values"]
    return Joined(_slices(dataset, lengths), lengths, values.shape[1])


def hdf5_datasets(folder: Path, values: Array, lengths: Sequence[int]) -> Read:
    """A dataset for each utterance."""
    steps_of = _slices(values, lengths)
    with h5py.File(folder / "datasets.h5", "w") as file:
        for row in range(len(lengths)):
            file[f"u{row}"] = steps_of(row)
    opened = h5py.File(folder / "datasets.h5")
    return Joined(lambda row: opened[f"u{row}"][...], lengths, values.shape[1])


def lmdb_entries(folder: Path, values: Array, lengths: Sequence[int]) -> Read:
    """An LMDB entry for each utterance, read without a copy of its own."""
    environment = lmdb.open(str(folder / "lmdb"), map_size=2 * values.nbytes + 2**26)
    steps_of, dim = _slices(values, lengths), values.shape[1]
    with environment.begin(write=True) as writing:
        for row in range(len(lengths)):
            writing.put(str(row).encode(), steps_of(row).tobytes())
    reading = environment.begin(buffers=True)

    def read(row: int) -> Array:
        entry = reading.get(str(row).encode())
        assert entry is not None
        return np.frombuffer(entry, np.float16).reshape(-1, dim)

    return Joined(read, lengths, dim)


def npy_files(folder: Path, values: Array, lengths: Sequence[int]) -> Read:
    """An `.npy` file for each utterance."""
    (folder / "npy").mkdir()
    steps_of = _slices(values, lengths)
    for row in range(len(lengths)):
        np.save(folder / "npy" / f"{row}.npy", steps_of(row))
    return Joined(lambda row: np.load(folder / "npy" / f"{row}.npy"), lengths, values.shape[1])


def plain_zarr(store: Store) -> Read:
    """Our store through zarr-python, a slice for each utterance."""
    group = zarr.open_group(store.path, mode="r")
    arrays: list[Any] = [group[f"parts/{entry['key']}"] for entry in store.attributes["parts"]]

    def read(row: int) -> Array:
        start, length = store._starts[row], store._lengths[row]
        steps: Array = arrays[store._parts[row]][0, start : start + length]
        return steps

    return Joined(read, store._lengths, store.dim)


def _slices(values: Any, lengths: Sequence[int]) -> Callable[[int], Array]:
    ends = np.cumsum(lengths).tolist()
    starts = [0, *ends]
    return lambda row: values[starts[row] : ends[row]]
