"""Checks every byte of a store against its checksums and its digest."""

from pathlib import Path
from typing import Any

from features.errors import ProjectError
from features.files import digest_file
from features.store.format import (
    METADATA,
    array_metadata,
    chunk_name,
    group_metadata,
    map_chunk,
    read_metadata,
    store_digest,
)
from features.store.reader import Store


def verify(path: Path) -> list[str]:
    """Everything that is wrong with a store, file by file; an empty list if nothing is.

    Finds a flipped bit anywhere, truncated, missing and additional files, and an index that
    contradicts the parts.
    """
    try:
        metadata = read_metadata(path)
        attributes = metadata["attributes"]
        problems = _chunk_problems(path, attributes)
    except (ProjectError, KeyError, TypeError, ValueError) as error:
        return [f"{path / METADATA} is damaged: {error}"]
    if group_metadata(attributes) != (path / METADATA).read_bytes():
        problems.append(f"{path / METADATA} is not as it was written")
    problems += _opening_problems(path)
    if not problems:
        problems += _digest_problems(path, attributes)
    return problems


def _chunk_problems(path: Path, attributes: dict[str, Any]) -> list[str]:
    problems = []
    dtype = attributes["dtype"]
    for entry in attributes["parts"]:
        folder = path / "parts" / entry["key"]
        shape = (len(attributes["layers"]), entry["num_steps"], attributes["dim"])
        if _content(folder / METADATA) != array_metadata(shape, dtype):
            problems.append(f"{folder / METADATA} is not as it was written")
        chunk = folder / chunk_name(3)
        try:
            if 0 not in shape:
                map_chunk(chunk, shape, dtype, entry["crc32c"])
        except ProjectError as error:
            problems.append(str(error))
    return problems


def _content(file: Path) -> bytes | None:
    return file.read_bytes() if file.is_file() else None


def _opening_problems(path: Path) -> list[str]:
    """What a reader refuses: a changed root, and an index that is not this store's."""
    try:
        Store(path)
    except ProjectError as error:
        return [str(error)]
    return []


def _digest_problems(path: Path, attributes: dict[str, Any]) -> list[str]:
    files = {
        file.relative_to(path).as_posix(): digest_file(file)
        for file in sorted(path.rglob("*"))
        if file.is_file() and file != path / METADATA
    }
    if store_digest(attributes, files) == attributes.get("digest"):
        return []
    return [f"{path}: its files do not match the digest in {METADATA} (one was added or changed)"]
