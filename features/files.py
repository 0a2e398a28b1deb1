"""Files that are either absent or whole, also after a crash."""

import fcntl
import hashlib
import json
import os
import shutil
import socket
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

CHUNK_BYTES = 1 << 20
# Drafts on a shared disk carry the machine's name, digested so that it has no dots.
HOST = hashlib.sha256(socket.gethostname().encode()).hexdigest()[:8]


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


def sync_folder(path: Path) -> None:
    """Flush a folder's entries to disk, so that a rename in it survives a power cut."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def write_synced(path: Path, *blocks: bytes | memoryview) -> None:
    """Write a new file and flush it to disk; for files in a folder that nobody reads yet."""
    with path.open("wb") as file:
        for block in blocks:
            file.write(block)
        file.flush()
        os.fsync(file.fileno())


def draft_path(path: Path) -> Path:
    """Where this process builds the file or folder `path`: next to it, hidden, its own."""
    return path.with_name(f".{path.name}.{HOST}-{os.getpid()}.tmp")


def is_dead(draft: Path) -> bool:
    """Whether a draft was left behind by a process of this machine that is gone."""
    host, _, number = draft.name.split(".")[-2].rpartition("-")
    if host != HOST or not number.isdigit():
        return False
    try:
        os.kill(int(number), 0)
    except ProcessLookupError:
        return True
    except PermissionError:
        return False
    return False


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Hold the lock of `path`, a hidden file next to it, against other processes."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.with_name(f".{path.name}.lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def write_atomic(path: Path, *blocks: bytes | memoryview) -> None:
    """Write a file so that a reader sees the old content or the new, never half of it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = draft_path(path)
    try:
        write_synced(draft, *blocks)
        draft.replace(path)
    finally:
        draft.unlink(missing_ok=True)
    sync_folder(path.parent)


def write_folder(folder: Path, files: Mapping[str, bytes]) -> None:
    """Replace a folder by one with these files, by relative name: built next to it and renamed."""
    draft = folder.with_name(f".{folder.name}.tmp")
    shutil.rmtree(draft, ignore_errors=True)
    for name, content in files.items():
        write_atomic(draft / name, content)
    shutil.rmtree(folder, ignore_errors=True)
    draft.rename(folder)
