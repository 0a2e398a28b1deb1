"""The bytes of a store: Zarr v3 arrays of one raw chunk each, ending in a CRC-32C.

Such a chunk file is the little-endian values and four bytes more, so any Zarr v3 reader opens
it and ours maps it into memory. Metadata is canonical JSON: equal content, equal bytes.
"""

import json
import sys
from pathlib import Path
from typing import Any

import google_crc32c
import numpy as np
from numpy.typing import NDArray

from features.errors import ProjectError
from features.files import canonical_json, digest_json, write_synced

SCHEMA = 1
CRC_BYTES = 4
METADATA = "zarr.json"
Array = NDArray[Any]

assert sys.byteorder == "little", "tracks are mapped as they are stored, little-endian"


def crc32c(values: Array) -> int:
    """CRC-32C of a contiguous array's bytes."""
    return int(google_crc32c.value(values.reshape(-1).view(np.uint8)))


def group_metadata(attributes: dict[str, Any]) -> bytes:
    """The zarr.json of a group."""
    return canonical_json({"zarr_format": 3, "node_type": "group", "attributes": attributes})


def array_metadata(shape: tuple[int, ...], dtype: str) -> bytes:
    """The zarr.json of an array that is one chunk; an axis of length 0 has no chunk at all."""
    endian = {} if np.dtype(dtype).itemsize == 1 else {"configuration": {"endian": "little"}}
    return canonical_json(
        {
            "zarr_format": 3,
            "node_type": "array",
            "shape": list(shape),
            "data_type": dtype,
            "chunk_grid": {
                "name": "regular",
                "configuration": {"chunk_shape": [max(size, 1) for size in shape]},
            },
            "chunk_key_encoding": {"name": "default", "configuration": {"separator": "/"}},
            "fill_value": 0.0 if np.dtype(dtype).kind == "f" else 0,
            "codecs": [{"name": "bytes", **endian}, {"name": "crc32c"}],
            "attributes": {},
        }
    )


def chunk_name(num_dims: int) -> str:
    """The path of an array's only chunk inside the array's folder."""
    return "/".join(["c", *["0"] * num_dims])


def chunk_blocks(values: Array) -> tuple[memoryview, bytes]:
    """The two blocks of a chunk file: the values and their checksum."""
    flat = np.ascontiguousarray(values).reshape(-1).view(np.uint8)
    return flat.data, crc32c(flat).to_bytes(CRC_BYTES, "little")


def write_array(folder: Path, values: Array) -> None:
    """Write a whole array as a Zarr v3 array of one chunk, flushed to disk."""
    folder.mkdir(parents=True)
    write_synced(folder / METADATA, array_metadata(values.shape, str(values.dtype)))
    if values.size:
        chunk = folder / chunk_name(values.ndim)
        chunk.parent.mkdir(parents=True)
        write_synced(chunk, *chunk_blocks(values))


def read_metadata(folder: Path) -> Any:
    """The zarr.json of a group or array."""
    try:
        return json.loads((folder / METADATA).read_bytes())
    except FileNotFoundError:
        raise ProjectError(f"{folder / METADATA} does not exist; 'dvc repro' makes it") from None
    except (OSError, ValueError) as error:
        raise ProjectError(damaged(folder / METADATA, f"cannot be read ({error})")) from None


def read_array(folder: Path, crc: int) -> Array:
    """A whole array written by `write_array`, whose checksum must be `crc`."""
    metadata = read_metadata(folder)
    try:
        shape, dtype = tuple(metadata["shape"]), str(metadata["data_type"])
        as_written = array_metadata(shape, dtype)
    except (KeyError, TypeError, ValueError):
        as_written = b""
    if as_written != (folder / METADATA).read_bytes():
        raise ProjectError(damaged(folder / METADATA, "is not as it was written"))
    if 0 in shape:
        return np.zeros(shape, dtype)
    return map_chunk(folder / chunk_name(len(shape)), shape, dtype, crc)


def map_chunk(
    path: Path, shape: tuple[int, ...], dtype: str, crc: int, verify: bool = True
) -> Array:
    """Map a chunk file into memory, read-only, after checking its size and its checksum.

    `crc` is the checksum that it must have. A file that this process has verified before may be
    mapped again with `verify` off. Raises ProjectError for any other file.
    """
    num_bytes = int(np.prod(shape)) * np.dtype(dtype).itemsize
    try:
        raw = np.memmap(path, np.uint8, "r")
    except (OSError, ValueError) as error:
        raise ProjectError(damaged(path, f"cannot be read ({error})")) from None
    if raw.size != num_bytes + CRC_BYTES:
        raise ProjectError(damaged(path, f"has {raw.size} bytes, not {num_bytes + CRC_BYTES}"))
    if int.from_bytes(raw[num_bytes:].tobytes(), "little") != crc:
        raise ProjectError(damaged(path, "is another file than the store was written with"))
    if verify and crc32c(raw[:num_bytes]) != crc:
        raise ProjectError(damaged(path, "does not match its checksum"))
    return raw[:num_bytes].view(dtype).reshape(shape)


def store_digest(attributes: dict[str, Any], files: dict[str, str]) -> str:
    """The digest over the attributes without digest and seal, and all files but the root's."""
    rest = {name: value for name, value in attributes.items() if name not in ("digest", "seal")}
    return digest_json({"attributes": rest, "files": files})


def store_seal(attributes: dict[str, Any]) -> str:
    """The digest over all attributes but the seal, by which a reader sees that none changed."""
    return digest_json({name: value for name, value in attributes.items() if name != "seal"})


def damaged(path: Path, fault: str) -> str:
    """The message for a file of a store that differs from what was written."""
    return f"{path} {fault}; the store is damaged. {healing(path)}."


def healing(path: Path) -> str:
    """The command that makes a damaged store again, by the path of one of its files."""
    folders = [folder for folder in (path, *path.parents) if folder.suffix == ".zarr"]
    name = f"{folders[0].parent.name}/{folders[0].stem}" if folders else path.stem
    return f"Run 'python cli.py stores heal {name}'"
