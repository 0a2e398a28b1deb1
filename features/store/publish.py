"""Turns the parts of a pool into a store: absent, or complete and true."""

import os
import shutil
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from features.drafts import draft_of, locked, replace_folder, sweep_drafts, sync_files
from features.errors import ProjectError
from features.files import digest_file
from features.store.arrays import (
    METADATA,
    chunk_path,
    create_array,
    create_store,
    root_without_attributes,
    write_array,
)
from features.store.format import (
    CRC_BYTES,
    SCHEMA,
    SEALS,
    Array,
    crc32c,
    is_chunk,
    metadata_digest,
    store_digest,
    store_seal,
)
from features.store.index import REASONS, empty_index, fact_names, index_of
from features.store.pool import Part, Pool
from features.store.reader import store_attributes
from features.store.verify import verify


@dataclass(frozen=True)
class Header:
    """What every track of a store has in common; `backbone` holds its code and settings.

    `rate_hz` and `first_step_s` (the time of the first step's middle) are None for text. `made_on`
    names the kind of device and its number format unless that is a CPU in float32.
    """

    recipe: str
    backbone: dict[str, Any]
    modality: str
    dim: int
    layers: tuple[int, ...]
    dtype: str
    rate_hz: float | None = None
    first_step_s: float | None = None
    made_on: dict[str, str] = field(default_factory=dict)


def publish(path: Path, header: Header, parts: Sequence[Part], pool: Pool) -> None:
    """Publish the parts, in manifest order, as the store at `path`; idempotent.

    The store is built in a temporary folder next to `path` and renamed into place.
    """
    _build_and_swap(path, header, parts, index_of(parts), pool)


def publish_empty(path: Path, ids: Sequence[str], pool: Pool) -> None:
    """Publish the store ``none`` of a corpus: every utterance is listed, and none has a track."""
    header = Header("", {"code": "none"}, "none", 0, (), "float16")
    _build_and_swap(path, header, [], empty_index(ids), pool)


def _build_and_swap(
    path: Path, header: Header, parts: Sequence[Part], index: dict[str, Array], pool: Pool
) -> None:
    with draft_of(path) as draft:
        _build(draft, header, parts, index, pool)
        sweep_drafts(path.parent, path.name)
        if not _is_same(draft, path):
            with locked(path):
                replace_folder(draft, path)


def _build(
    draft: Path, header: Header, parts: Sequence[Part], index: dict[str, Array], pool: Pool
) -> None:
    root = create_store(draft)
    digests: dict[str, str] = {}
    for part in parts:
        array = create_array(root["parts"], part.key, part.shape, part.dtype)
        if 0 not in part.shape:
            chunk = chunk_path(draft, array)
            _link_part(chunk, part, pool)
            digests[chunk.relative_to(draft).as_posix()] = part.sha256
    for name, values in index.items():
        write_array(root["index"], name, values)
    attributes = _attributes(header, parts, index)
    root.attrs.put(_sealed(draft, attributes, digests))
    sync_files(draft)


def _attributes(header: Header, parts: Sequence[Part], index: dict[str, Array]) -> dict[str, Any]:
    attributes = {
        "schema": SCHEMA,
        **asdict(header),
        "layers": list(header.layers),
        "reasons": list(REASONS),
        "parts": [
            {"key": part.key, "num_steps": part.shape[1], "crc32c": part.crc32c} for part in parts
        ],
        "index": {name: crc32c(values) for name, values in index.items()},
    }
    if not header.made_on:
        del attributes["made_on"]
    if names := fact_names(parts):
        attributes["facts"] = names
    return attributes


def _sealed(draft: Path, attributes: dict[str, Any], digests: dict[str, str]) -> dict[str, Any]:
    """The attributes with the digests of everything that was written; some are there already."""
    for file in sorted(draft.rglob("*")):
        name = file.relative_to(draft).as_posix()
        if file.is_file() and name not in digests and name != METADATA:
            digests[name] = digest_file(file)
    chunks = {name: digest for name, digest in digests.items() if is_chunk(name)}
    others = {name: digest for name, digest in digests.items() if not is_chunk(name)}
    attributes["digest"] = store_digest(attributes, chunks)
    attributes["metadata"] = metadata_digest(root_without_attributes(draft), others)
    attributes["seal"] = store_seal(attributes)
    return attributes


def _link_part(chunk: Path, part: Part, pool: Pool) -> None:
    chunk.parent.mkdir(parents=True)
    source = pool.chunk_path(part.key)
    try:
        _link_or_copy(source, chunk)
    except FileNotFoundError:
        raise ProjectError(
            f"{source} was deleted while it was published; run the same command again"
        ) from None
    with chunk.open("rb") as file:
        file.seek(-CRC_BYTES, os.SEEK_END)
        stored = int.from_bytes(file.read(), "little")
    if stored != part.crc32c:
        raise ProjectError(
            f"{source} was replaced while it was published; run the same command again"
        )


def _link_or_copy(source: Path, target: Path) -> None:
    try:
        target.hardlink_to(source)
    except FileNotFoundError:
        raise
    except OSError:
        shutil.copyfile(source, target)


def _is_same(draft: Path, path: Path) -> bool:
    """Whether the store at a path is sound and has the same values, whatever wrote it."""
    try:
        old, new = store_attributes(path), store_attributes(draft)
    except ProjectError:
        return False
    ignored = ("schema", *SEALS)
    return _without(old, ignored) == _without(new, ignored) and not verify(path)


def _without(attributes: dict[str, Any], names: Sequence[str]) -> dict[str, Any]:
    return {name: value for name, value in attributes.items() if name not in names}
