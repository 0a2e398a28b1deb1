"""Pickles that several formats look at: read once, by content and not by name."""

from functools import lru_cache
from pathlib import Path
from typing import Any

from features.errors import ProjectError
from features.untrusted.unpickle import read_pickle

# Protocol 2 and later begin with PROTO; 0 and 1 with one of these.
PROTO = 0x80
OLDER_BEGINNINGS = (b"(", b"}", b"]", b"c")


def first_bytes_are_a_pickle(path: Path) -> bool:
    """Whether a file begins and ends as pickles do."""
    if not path.is_file() or path.stat().st_size < 3:
        return False
    with path.open("rb") as file:
        head = file.read(2)
        file.seek(-1, 2)
        last = file.read(1)
    begins = (head[0] == PROTO and head[1] <= 5) or head[:1] in OLDER_BEGINNINGS
    return begins and last == b"."


def read_known(path: Path) -> Any:
    """The content of a pickle, kept for the next that looks at the same file.

    Raises ProjectError where it cannot be read, which is kept as well: a hostile one takes time.
    """
    state = path.stat()
    content = _read(path, state.st_mtime_ns, state.st_size)
    if isinstance(content, ProjectError):
        raise content
    return content


@lru_cache(maxsize=1)
def _read(path: Path, _modified: int, _size: int) -> Any:
    try:
        return read_pickle(path)
    except ProjectError as error:
        return error
