"""Files that are either absent or whole, also after a crash."""

import hashlib
import json
import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from features.drafts import draft_of, locked, replace_folder, sweep_drafts, sync_folder

CHUNK_BYTES = 1 << 20


def canonical_json(value: Any) -> bytes:
    """The one UTF-8 encoding of a JSON value: sorted keys, no blanks, a final newline."""
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return text.encode() + b"\n"


def digest_json(value: Any) -> str:
    """SHA-256 of the canonical encoding, as 64 hexadecimal characters."""
    return hashlib.sha256(canonical_json(value)).hexdigest()


def digest_file(path: Path) -> str:
    """SHA-256 of a file's content, as 64 hexadecimal characters."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(CHUNK_BYTES):
            digest.update(block)
    return digest.hexdigest()


def write_synced(path: Path, *blocks: bytes | memoryview) -> None:
    """Write a new file and flush it to disk; for files in a folder that nobody reads yet."""
    _write_blocks(path, blocks)


def _write_blocks(path: Path, blocks: Iterable[bytes | memoryview]) -> None:
    with path.open("wb") as file:
        for block in blocks:
            file.write(block)
        file.flush()
        os.fsync(file.fileno())


def write_atomic(path: Path, *blocks: bytes | memoryview) -> None:
    """Write a file so that a reader sees the old content or the new, never half of it."""
    write_stream(path, blocks)


def write_stream(path: Path, blocks: Iterable[bytes | memoryview]) -> None:
    """`write_atomic` for blocks that are made one by one."""
    with draft_of(path) as draft:
        _write_blocks(draft, blocks)
        draft.replace(path)
    sync_folder(path.parent)


def write_folder(folder: Path, files: Mapping[str, bytes]) -> None:
    """Replace a folder by one with these files, by relative name; complete or absent, always."""
    with locked(folder), draft_of(folder) as draft:
        sweep_drafts(folder.parent, folder.name)
        for name, content in files.items():
            (draft / name).parent.mkdir(parents=True, exist_ok=True)
            write_synced(draft / name, content)
        replace_folder(draft, folder)
