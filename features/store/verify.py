"""Checks every byte of a store against its checksums and its digests."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from features.errors import ProjectError
from features.files import digest_file
from features.store.arrays import METADATA, open_store, root_without_attributes
from features.store.format import (
    chunk_name,
    is_chunk,
    map_chunk,
    metadata_digest,
    store_digest,
)
from features.store.reader import Store


def verify(path: Path) -> list[str]:
    """Everything that is wrong with a store, file by file; an empty list if nothing is.

    Finds a flipped bit anywhere, truncated, missing and additional files, folders and links, and an
    index that contradicts the parts.
    """
    try:
        group = open_store(path)
        attributes = group.attrs.asdict()
        problems = _part_problems(path, group, attributes)
    except (ProjectError, KeyError, TypeError, ValueError) as error:
        return [f"{path / METADATA} is damaged: {error}"]
    problems += _opening_problems(path)
    problems += _additional(path)
    if not problems:
        problems += _digest_problems(path, attributes)
    return problems


def _part_problems(path: Path, group: Any, attributes: dict[str, Any]) -> list[str]:
    problems = []
    dtype = attributes["dtype"]
    for entry in attributes["parts"]:
        folder = path / "parts" / entry["key"]
        shape = (len(attributes["layers"]), entry["num_steps"], attributes["dim"])
        if not _is_described(group, f"parts/{entry['key']}", shape, dtype):
            problems.append(f"{folder / METADATA} is not as it was written")
        try:
            if 0 not in shape:
                map_chunk(folder / chunk_name(3), shape, dtype, entry["crc32c"])
        except ProjectError as error:
            problems.append(str(error))
    return problems


def _is_described(group: Any, name: str, shape: tuple[int, ...], dtype: str) -> bool:
    """Whether zarr-python opens an array as one of that shape and type."""
    try:
        array = group[name]
    except Exception:  # whatever the library raises for damaged metadata
        return False
    return bool(array.shape == shape and str(array.dtype) == dtype)


def _opening_problems(path: Path) -> list[str]:
    """What a reader refuses: a changed root, and an index that is not this store's."""
    try:
        Store(path)
    except ProjectError as error:
        return [str(error)]
    return []


def _additional(path: Path) -> Iterator[str]:
    """Folders that hold no file, and links to folders."""
    for item in sorted(path.rglob("*")):
        if item.is_symlink() and not item.is_file():
            yield f"{item} is a link that does not belong there"
        elif item.is_dir() and not any(item.iterdir()):
            yield f"{item} is an empty folder that does not belong there"


def _digest_problems(path: Path, attributes: dict[str, Any]) -> list[str]:
    digests = {
        file.relative_to(path).as_posix(): digest_file(file)
        for file in sorted(path.rglob("*"))
        if file.is_file() and file != path / METADATA
    }
    chunks = {name: digest for name, digest in digests.items() if is_chunk(name)}
    others = {name: digest for name, digest in digests.items() if not is_chunk(name)}
    root = root_without_attributes(path)
    if attributes["schema"] == 1:
        sound = store_digest(attributes, digests) == attributes["digest"]
        sound = sound and root == {"zarr_format": 3, "node_type": "group"}
    else:
        sound = store_digest(attributes, chunks) == attributes["digest"]
        sound = sound and metadata_digest(root, others) == attributes["metadata"]
    if sound:
        return []
    return [f"{path}: its files do not match the digest in {METADATA} (one was added or changed)"]
