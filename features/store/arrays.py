"""The groups, arrays and attributes of a store: Zarr v3, written and read by zarr-python.

Every array is one chunk, with the codecs `bytes` and `crc32c` alone, so its chunk file is what
`format.py` maps into memory. Zarr is imported where it is used: commands that open no store start
without it. What it writes of metadata differs between its versions and is not flushed to disk.
"""

import json
from pathlib import Path
from typing import Any

from features.errors import ProjectError
from features.store.format import Array, chunk_name, crc32c, damaged

METADATA = "zarr.json"


def create_store(path: Path) -> Any:
    """A new group with the empty groups ``parts`` and ``index`` in it."""
    import zarr

    root = zarr.create_group(path, zarr_format=3)
    for name in ("parts", "index"):
        root.create_group(name)
    return root


def create_array(group: Any, name: str, shape: tuple[int, ...], dtype: str) -> Any:
    """An array of one chunk, whose chunk is not written yet; an axis of length 0 has none."""
    from zarr.codecs import Crc32cCodec

    return group.create_array(
        name,
        shape=shape,
        chunks=tuple(max(size, 1) for size in shape),
        dtype=dtype,
        filters=None,
        compressors=[Crc32cCodec()],
        # A chunk of zeros is written too: a missing file is a fault.
        config={"write_empty_chunks": True},
    )


def write_array(group: Any, name: str, values: Array) -> None:
    """Write a whole array."""
    array = create_array(group, name, values.shape, str(values.dtype))
    if values.size:
        array[...] = values


def open_store(path: Path) -> Any:
    """The group at a path, read-only. Raises ProjectError where there is none, or a damaged one."""
    import zarr

    metadata = path / METADATA
    if not metadata.is_file():
        raise ProjectError(f"{metadata} does not exist; 'dvc repro' makes it")
    try:
        return zarr.open_group(path, mode="r", zarr_format=3)
    except Exception as error:  # whatever the library raises for damaged metadata
        raise ProjectError(damaged(metadata, f"cannot be read ({error})")) from None


def read_array(group: Any, name: str, crc: int, path: Path | str) -> Array:
    """A whole array of the store at `path`, whose checksum must be `crc`."""
    folder = f"{path}/{name}"
    try:
        values: Array = group[name][...]
    except Exception as error:  # whatever the library raises for damaged files
        raise ProjectError(damaged(folder, f"cannot be read ({error})")) from None
    if crc32c(values) != crc:
        raise ProjectError(damaged(folder, "is not the array that the store was written with"))
    return values


def chunk_path(folder: Path, array: Any) -> Path:
    """The file of an array's only chunk, below the folder of its store."""
    name: str = array.metadata.encode_chunk_key((0,) * array.ndim)
    assert name == chunk_name(array.ndim), name
    return folder / str(array.path) / name


def root_without_attributes(path: Path) -> Any:
    """The rest of a root's metadata, as it was written."""
    document = json.loads((path / METADATA).read_bytes())
    return {name: value for name, value in document.items() if name != "attributes"}
