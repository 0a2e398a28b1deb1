"""Decodes a foreign file into flat arrays, in a child process; backbones map them into memory.

The folder holds an index and, for each field, the values of all utterances one after another:
float16 where all of them are, else float32. It is named after the content of the file, so that
several backbones, and later runs, read one that is there.
"""

import lzma
import struct
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path

from features.drafts import draft_of, locked, replace_folder, sync_files
from features.errors import ProjectError
from features.files import digest_file, digest_json
from features.foreign.flat import WiderError, size_of, write_flat
from features.foreign.recognise import format_leaf, recognised
from features.untrusted.memory import limit_memory

# Increased when a change in how a format is read changes what comes out of a file.
VERSION = 1
# What a process may need besides the file: Python, its libraries, and the largest track.
BASE_BYTES = 3 * 2**30


def path_digest(path: Path) -> str:
    """SHA-256 of a file, or of the names and contents of all files in a folder.

    Raises ProjectError where there is neither.
    """
    if path.is_file():
        state = path.stat()
        return _file_digest(path.absolute(), state.st_mtime_ns, state.st_size)
    if not path.is_dir():
        raise ProjectError(f"{path} does not exist; give the path of a file or folder of features")
    files = sorted(file for file in path.rglob("*") if file.is_file())
    return digest_json({file.relative_to(path).as_posix(): digest_file(file) for file in files})


@lru_cache(maxsize=4)
def _file_digest(path: Path, _modified: int, _size: int) -> str:
    """Kept, because a command looks at a file for its labels and again for its tracks."""
    return digest_file(path)


def decoded_folder(pool: Path, digest: str, form: str) -> Path:
    """Where the content of a file with that digest is decoded, in the folder of the pool."""
    return pool / "imported" / digest_json({"file": digest, "format": form, "version": VERSION})


def size_limit(path: Path) -> int:
    """How much memory the reading of a file may take."""
    return BASE_BYTES + 3 * size_of(path)


def state_of(path: Path) -> dict[str, tuple[int, int]]:
    """Size and time of every file, to detect whether one changed in the meantime."""
    files = [path] if path.is_file() else sorted(f for f in path.rglob("*") if f.is_file())
    states = ((file, file.stat()) for file in files)
    return {str(file): (state.st_size, state.st_mtime_ns) for file, state in states}


def decode(path: Path, form: str, folder: Path, state: Mapping[str, tuple[int, int]]) -> None:
    """Decode a file of a format into a folder, which is whole or absent.

    It is meant for a process of its own, whose memory it limits. `state` is that of the file when
    its digest was taken. Raises ProjectError for a file that is not as the format must be, and for
    one that has changed since.
    """
    limit_memory(size_limit(path))
    decode_here(path, form, folder, state)


def decode_here(
    path: Path, form: str, folder: Path, state: Mapping[str, tuple[int, int]] | None = None
) -> None:
    """`decode` without the limit; for files that were not made by strangers."""
    with locked(folder), draft_of(folder) as draft:
        if folder.exists():
            return
        draft.mkdir()
        leaf = format_leaf(recognised(path, form))
        widened: dict[str, str] = {}
        while True:
            notes: list[str] = []
            try:
                with _faults_named(path):
                    write_flat(leaf.read(path, notes.append), path, draft, notes, widened)
                break
            except WiderError as wider:
                widened = wider.dtypes
        if state is not None and state != state_of(path):
            raise ProjectError(f"{path} was changed while it was read; run the same command again")
        sync_files(draft)
        replace_folder(draft, folder)


@contextmanager
def _faults_named(path: Path) -> Iterator[None]:
    """Turn an error about content that no format foresaw into one that names the file."""
    try:
        yield
    except OSError:
        raise  # of the machine, and not of the file
    except (
        *(ValueError, TypeError, LookupError, ArithmeticError, AttributeError, RecursionError),
        *(EOFError, struct.error, zlib.error, lzma.LZMAError, zipfile.BadZipFile),
    ) as error:
        reason = f"{type(error).__name__}: {str(error)[:120]}"
        raise ProjectError(f"{path} has content that is not understood ({reason})") from error
