"""The pool of finished parts: work in progress that survives kills and is safe to delete.

A part is one chunk file, written to a temporary name, flushed, renamed, and only then recorded.
That its file exists is not enough: a part counts when its record is whole and fits the chunk.
"""

import hashlib
import json
import os
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

from features.drafts import draft_of, sweep_drafts
from features.errors import ProjectError
from features.files import canonical_json, digest_file, digest_json, write_atomic
from features.specs.tracks import CACHE_PATH
from features.store.format import Array, chunk_blocks, map_chunk

# Of the parts; raised only when none of the older ones can be used.
PARTS_SCHEMA = 1
POOL_VARIABLE = "PERMAFROST_PARTS"


@dataclass(frozen=True)
class Part:
    """The tracks of neighbouring utterances: the record of one chunk `(L, T, D)`.

    Per utterance, in manifest order: its id, the digest of its input, its number of steps and
    why it has no track (``ok`` where it has one). `spans` holds the character span of every
    step of a text track, `facts` whole numbers by name. `made_with` names device and software,
    and `made_for` the names of corpus and backbone, the recipe and the digest of the backbone's
    settings; neither is published.
    """

    key: str
    shape: tuple[int, int, int]
    dtype: str
    ids: tuple[str, ...]
    inputs: tuple[str, ...]
    lengths: tuple[int, ...]
    reasons: tuple[str, ...]
    spans: tuple[tuple[int, int], ...] | None
    crc32c: int
    sha256: str
    made_with: dict[str, str]
    facts: dict[str, tuple[int, ...]] = field(default_factory=dict)
    made_for: dict[str, str] = field(default_factory=dict)


class Pool:
    """The parts in one folder, shared by every store, clone and experiment that uses it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    @classmethod
    def default(cls) -> "Pool":
        """``features/cache/.parts``, or the folder that PERMAFROST_PARTS names.

        Raises ProjectError where the variable names something other than a folder.
        """
        named = os.environ.get(POOL_VARIABLE)
        folder = Path(named) if named else CACHE_PATH / ".parts"
        for path in (folder, *folder.parents):
            if path.exists() and not path.is_dir():
                raise ProjectError(
                    f"{POOL_VARIABLE} is {named!r}, and {path} is not a folder; name another one"
                )
        return cls(folder)

    def chunk_path(self, key: str) -> Path:
        """The file that holds a part's values."""
        return self.folder / key[:2] / f"{key}.chunk"

    def record_path(self, key: str) -> Path:
        """The file that records that a part is finished, and what is in it."""
        return self.folder / key[:2] / f"{key}.json"

    def add(self, values: Array, **record: Any) -> Part:
        """Write a part's values `(L, T, D)` and record it; `record` holds the other fields."""
        part_path = self.chunk_path(record["key"])
        blocks = chunk_blocks(values)
        sha256 = ""
        if values.size:
            # At the same time: both let other threads run, and take about as long.
            with ThreadPoolExecutor(1) as hashing:
                hashed = hashing.submit(_sha256, blocks)
                write_atomic(part_path, *blocks)
                sha256 = hashed.result()
        part = Part(
            shape=values.shape,
            dtype=str(values.dtype),
            crc32c=int.from_bytes(blocks[1], "little"),
            sha256=sha256,
            **record,
        )
        # Not by `asdict`, which copies every span; the record is encoded once, for seal and file.
        content = canonical_json({name.name: getattr(part, name.name) for name in fields(part)})
        seal = hashlib.sha256(content).hexdigest().encode()
        sealed = b'{"part":%b,"seal":"%b"}\n' % (content.rstrip(), seal)
        write_atomic(self.record_path(part.key), sealed)
        return part

    def read(self, key: str) -> Part | None:
        """The record of a part, None where there is none that is whole; its chunk is not read."""
        try:
            sealed = json.loads(self.record_path(key).read_bytes())
            if sealed["seal"] != digest_json(sealed["part"]):
                return None
            part = _part(sealed["part"])
        except (OSError, ValueError, KeyError, TypeError):
            return None
        return part if part.key == key else None

    def find(self, key: str) -> Part | None:
        """The finished part with that key, or None if it has to be made (again)."""
        part = self.read(key)
        if part is None or 0 in part.shape:
            return part
        try:
            map_chunk(self.chunk_path(key), part.shape, part.dtype, part.crc32c)
        except ProjectError:
            return None
        return part

    def delete(self, key: str) -> None:
        """Delete a part: its record first, so that what is left never counts."""
        self.record_path(key).unlink(missing_ok=True)
        self.chunk_path(key).unlink(missing_ok=True)

    def relink(self, key: str, published: Path) -> bool:
        """Make a part's chunk a hard link to an identical published file; True if it was done."""
        chunk, target = self.chunk_path(key), published.resolve()
        if not chunk.is_file() or not target.is_file() or chunk.samefile(target):
            return False
        if digest_file(chunk) != digest_file(target):
            return False
        with draft_of(chunk) as draft:
            try:
                draft.hardlink_to(target)
            except OSError:
                return False
            draft.replace(chunk)
        return True

    def sweep(self) -> None:
        """Delete the drafts that killed processes have left behind."""
        for folder in self.folder.glob("??"):
            sweep_drafts(folder)


def _part(content: dict[str, Any]) -> Part:
    values: dict[str, Any] = {k: tuple(v) if isinstance(v, list) else v for k, v in content.items()}
    if values["spans"] is not None:
        values["spans"] = tuple((start, end) for start, end in values["spans"])
    values["facts"] = {name: tuple(counts) for name, counts in values.get("facts", {}).items()}
    return Part(**values)


def _sha256(blocks: tuple[memoryview, bytes]) -> str:
    digest = hashlib.sha256()
    for block in blocks:
        digest.update(block)
    return digest.hexdigest()
