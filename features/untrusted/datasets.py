"""HDF5 files of others, opened so that nothing outside the file is read and nothing is believed."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from features.errors import ProjectError
from features.store.format import Array

# Filters that are part of HDF5; all others are libraries that it would load.
FILTERS = {1: "gzip", 2: "shuffle", 3: "fletcher32", 4: "szip", 6: "scaleoffset", 32000: "lzf"}
# No filter makes data smaller than this many times.
MAX_RATIO = 1100
MAX_DATASETS = 5_000_000
MAX_DEPTH = 8


@contextmanager
def opened(path: Path) -> Iterator[Any]:
    """The root of a file, read-only; ProjectError for a damaged one."""
    import h5py

    try:
        with h5py.File(path, "r", locking=False) as file:
            yield file
    except ProjectError:
        raise
    except (OSError, RuntimeError, ValueError, KeyError, TypeError, OverflowError) as error:
        reason = str(error).splitlines()[0][:120] if str(error) else type(error).__name__
        raise ProjectError(f"{path} is not a complete HDF5 file ({reason})") from None


def own_dataset(file: Any, place: str, path: Path) -> Any:
    """A dataset of the file itself; ProjectError for anything else at that place.

    Refused are links to other files, values that are in other files (external storage and virtual
    datasets), filters that are plugins, and sizes that the stored bytes cannot fill.
    """
    import h5py

    group = file
    pieces = [piece for piece in place.split("/") if piece not in ("", ".")]
    for number, piece in enumerate(pieces):
        link = group.get(piece, getlink=True) if isinstance(group, h5py.Group) else None
        if link is None:
            raise ProjectError(f"{path} has no dataset {place!r}")
        if not isinstance(link, h5py.HardLink):
            raise ProjectError(f"{path}: {'/'.join(pieces[: number + 1])!r} is a link; copy it in")
        group = group[piece]
    if not isinstance(group, h5py.Dataset):
        raise ProjectError(f"{path}: {place!r} is not a dataset")
    _check_storage(group, place, path)
    return group


def _check_storage(dataset: Any, place: str, path: Path) -> None:
    if dataset.is_virtual or dataset.external:
        raise ProjectError(f"{path}: the values of {place!r} are in other files; copy them in")
    created = dataset.id.get_create_plist()
    for number in range(created.get_nfilters()):
        code = created.get_filter(number)[0]
        if code not in FILTERS:
            raise ProjectError(
                f"{path}: {place!r} is compressed by a plugin (filter {code}); write it with gzip"
            )
    if dataset.shape is None:
        raise ProjectError(f"{path}: {place!r} has no values")
    size = dataset.size * dataset.dtype.itemsize
    stored = dataset.id.get_storage_size()
    if size > MAX_RATIO * max(stored, 1) + 4096:
        raise ProjectError(
            f"{path}: {place!r} has the shape {dataset.shape}, {size} bytes, but {stored} bytes "
            "of values are stored"
        )


def datasets_below(file: Any, path: Path) -> Iterator[tuple[str, Any]]:
    """Every dataset by its path, in the order of names; ProjectError for links and deep groups."""
    import h5py

    count = 0
    waiting: list[tuple[str, Any, int]] = [("", file, 0)]
    while waiting:
        prefix, group, depth = waiting.pop()
        if depth > MAX_DEPTH:
            raise ProjectError(f"{path}: its groups are nested more than {MAX_DEPTH} times")
        groups = []
        for name in sorted(group):
            if not isinstance(group.get(name, getlink=True), h5py.HardLink):
                raise ProjectError(f"{path}: {prefix + name!r} is a link; copy it in")
            item = group[name]
            if isinstance(item, h5py.Group):
                groups.append((f"{prefix}{name}/", item, depth + 1))
            elif isinstance(item, h5py.Dataset):
                count += 1
                if count > MAX_DATASETS:
                    raise ProjectError(f"{path} has more than {MAX_DATASETS} datasets")
                yield prefix + name, item
        waiting += reversed(groups)


def read_dataset(dataset: Any, path: Path) -> Array:
    """All values of a dataset that was checked."""
    if dataset.dtype.kind not in "fiub":
        raise ProjectError(f"{path}: {dataset.name!r} is of {dataset.dtype}, not of numbers")
    return np.asarray(dataset[()])


def read_texts(file: Any, place: str, path: Path) -> list[str]:
    """A dataset of text, one value for each utterance."""
    dataset = own_dataset(file, place, path)
    if dataset.dtype.kind not in "OS" or dataset.ndim != 1:
        raise ProjectError(f"{path}: {place!r} is not a list of texts")
    values = dataset[()].tolist()
    try:
        return [value.decode() if isinstance(value, bytes) else str(value) for value in values]
    except UnicodeDecodeError as error:
        raise ProjectError(f"{path}: {place!r} is not UTF-8 ({error})") from None


def steps_of(values: Any) -> int:
    """The number of steps of packed values `(N, D)` or `(L, N, D)`."""
    if values.ndim not in (2, 3):
        raise ProjectError(f"{values.file.filename}: values has the shape {values.shape}")
    return int(values.shape[-2])


def attributes_of(file: Any, names: tuple[str, ...], path: Path) -> dict[str, Any]:
    """What the file states of all tracks, as plain Python."""
    stated = {}
    for name in names:
        if name in file.attrs:
            value = file.attrs[name]
            if isinstance(value, np.ndarray | np.generic):
                if value.dtype.kind not in "fiu" or value.size > 1000:
                    raise ProjectError(f"{path}: its attribute {name} is {str(value)[:60]}")
                value = value.tolist()
            stated[name] = value
    return stated
