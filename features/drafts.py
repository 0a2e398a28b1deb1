"""Files and folders in the making: a place of their own, and one step into the final place."""

import fcntl
import os
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

DRAFT_ENDING = ".tmp"
LOCK_ENDING = ".lock"


@contextmanager
def draft_of(path: Path) -> Iterator[Path]:
    """A hidden name next to `path` under which the file or folder is made, different each time.

    A lock beside it is held during the block and ends with the process, however that ends. What
    is still there after the block is deleted.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    while True:
        draft = path.with_name(f".{path.name}.{secrets.token_hex(8)}{DRAFT_ENDING}")
        lock = draft.with_name(draft.name + LOCK_ENDING)
        with lock.open("w") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            if not _is_at(file, lock):
                continue  # swept away before it was held
            try:
                yield draft
            finally:
                remove(draft)
                lock.unlink(missing_ok=True)
        return


def sweep_drafts(folder: Path, name: str = "*") -> None:
    """Delete what processes that are gone have left of drafts of `name` in a folder."""
    for lock in folder.glob(f".{name}.*{DRAFT_ENDING}{LOCK_ENDING}"):
        with suppress(FileNotFoundError), lock.open("r+") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                continue
            if _is_at(file, lock):
                remove(lock.with_name(lock.name.removesuffix(LOCK_ENDING)))
                lock.unlink(missing_ok=True)
    for draft in folder.glob(f".{name}.*{DRAFT_ENDING}"):
        if not draft.with_name(draft.name + LOCK_ENDING).exists():
            remove(draft)


def remove(path: Path) -> None:
    """Delete a file or a folder, whatever of it is there."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Hold the lock of `path`, a hidden file next to it, against other processes."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.with_name(f".{path.name}{LOCK_ENDING}").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


@contextmanager
def locked_for_reading(path: Path) -> Iterator[None]:
    """Hold the lock of `path` together with other readers; nothing where nobody ever locked it."""
    try:
        file = path.with_name(f".{path.name}{LOCK_ENDING}").open()
    except OSError:
        yield
        return
    with file:
        fcntl.flock(file, fcntl.LOCK_SH)
        yield


def replace_folder(draft: Path, path: Path) -> None:
    """Put a finished folder, whose files are on disk, in the place of `path`.

    After a power cut at any moment `path` is the old folder, the new one, or absent: the old one
    is deleted only when the new one is in place on disk. Call it with the lock of `path` held.
    """
    for folder in (draft, *(item for item in draft.rglob("*") if item.is_dir())):
        sync_folder(folder)
    sync_folder(path.parent)
    with draft_of(path.with_name(f"{path.name}.old")) as old:
        if path.exists():
            path.rename(old)
        draft.rename(path)
        sync_folder(path.parent)


def sync_files(folder: Path) -> None:
    """Flush all files below a folder to disk, whoever wrote them."""
    for file in folder.rglob("*"):
        if file.is_file():
            sync_folder(file)


def sync_folder(path: Path) -> None:
    """Flush a folder's entries to disk, so that a rename in it survives a power cut."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _is_at(file: IO[str], path: Path) -> bool:
    """Whether an open file is still the one at a path."""
    try:
        return os.path.samestat(os.fstat(file.fileno()), path.stat())
    except FileNotFoundError:
        return False
