"""The chunk files of a store: raw little-endian values, and their CRC-32C in four bytes more.

That is what the codecs `bytes` and `crc32c` of Zarr v3 make of a chunk, so any Zarr v3 reader opens
it. Two paths go past zarr-python, because it copies every chunk whole: a part is written to the
pool while the network works and becomes the chunk of its array by a link, and tracks are read
through memory maps.
"""

import sys
from pathlib import Path
from typing import Any

import google_crc32c
import numpy as np
from numpy.typing import NDArray

from features.errors import ProjectError
from features.files import digest_json

# Of a store; 1 had metadata of our own making, and is read like 2.
SCHEMA = 2
READABLE = (1, 2)
CRC_BYTES = 4
# Facts that make an utterance doubtful where they are not 0.
DOUBTFUL = ("num_silent", "num_unknown", "num_unread")
# Attributes that say something about the others, or about one version of zarr-python.
SEALS = ("digest", "metadata", "seal")
Array = NDArray[Any]

assert sys.byteorder == "little", "tracks are mapped as they are stored, little-endian"


def crc32c(values: Array) -> int:
    """CRC-32C of a contiguous array's bytes."""
    return int(google_crc32c.value(values.reshape(-1).view(np.uint8)))


def chunk_name(num_dims: int) -> str:
    """The path of an array's only chunk inside the array's folder."""
    return "/".join(["c", *["0"] * num_dims])


def chunk_blocks(values: Array) -> tuple[memoryview, bytes]:
    """The two blocks of a chunk file: the values and their checksum."""
    flat = np.ascontiguousarray(values).reshape(-1).view(np.uint8)
    return flat.data, crc32c(flat).to_bytes(CRC_BYTES, "little")


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
        raise ProjectError(damaged(path, "is not the file that the store was written with"))
    if verify and crc32c(raw[:num_bytes]) != crc:
        raise ProjectError(damaged(path, "does not match its checksum"))
    return raw[:num_bytes].view(dtype).reshape(shape)


def store_digest(attributes: dict[str, Any], chunks: dict[str, str]) -> str:
    """The digest over the values and attributes of a store, whatever wrote its metadata.

    `chunks` are the digests of the chunk files by name; of a store of schema 1, of all files.
    """
    rest = {name: value for name, value in attributes.items() if name not in SEALS}
    key = "files" if attributes["schema"] == 1 else "chunks"
    return digest_json({"attributes": rest, key: chunks})


def metadata_digest(root: Any, files: dict[str, str]) -> str:
    """The digest over the metadata: the root's but its attributes, and the files of all others."""
    return digest_json({"root": root, "files": files})


def is_chunk(name: str) -> bool:
    """Whether a file of a store, by its path in it, is a chunk."""
    return "/c/" in name


def store_seal(attributes: dict[str, Any]) -> str:
    """The digest over all attributes but the seal, by which a reader sees that none changed."""
    return digest_json({name: value for name, value in attributes.items() if name != "seal"})


def damaged(path: Path | str, fault: str) -> str:
    """The message for a file of a store that differs from what was written."""
    if "://" in str(path):
        return f"{path} {fault}; the store is damaged there. Publish it there again."
    return f"{path} {fault}; the store is damaged. {healing(Path(path))}."


def healing(path: Path) -> str:
    """The command that makes a damaged store again, by the path of one of its files."""
    folders = [folder for folder in (path, *path.parents) if folder.suffix == ".zarr"]
    name = f"{folders[0].parent.name}/{folders[0].stem}" if folders else path.stem
    return f"Run 'python cli.py stores heal {name}'"
