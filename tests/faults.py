"""Faults of a disk: an operation fails, everything from one on fails, or no more fits."""

import errno
import os
import resource
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.power_cuts import HANDLERS


class Faults:
    """Counts the changes of a disk below a folder, and fails at the one numbered `point`.

    With `lasting` every later one fails too, as for a process that was killed or a disk that was
    taken away.
    """

    def __init__(self, root: Path, point: int, lasting: bool) -> None:
        self.root, self.point, self.lasting = root, point, lasting
        self.count = 0

    def hear(self, event: str, arguments: tuple[Any, ...]) -> None:
        """Fail, or let one audit event go on."""
        paths = [path for path in HANDLERS[event](arguments) if path is not None]
        if paths and self.root in paths[0].parents:
            self.change()

    def change(self) -> None:
        """Count one change."""
        self.count += 1
        if self.count == self.point or (self.lasting and self.count > self.point):
            raise OSError(errno.EIO, f"fault {self.point}")


FAULTS: list[Faults] = []


def _hear(event: str, arguments: tuple[Any, ...]) -> None:
    if FAULTS and event in HANDLERS:
        FAULTS[0].hear(event, arguments)


sys.addaudithook(_hear)


@contextmanager
def fault_at(
    root: Path, point: int, lasting: bool, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Faults]:
    """Fail at one change of the disk during the block, flushes among them."""
    faults = Faults(root, point, lasting)
    true_fsync = os.fsync

    def fsync(handle: int) -> None:
        faults.change()
        true_fsync(handle)

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", fsync)
        FAULTS.append(faults)
        try:
            yield faults
        finally:
            FAULTS.remove(faults)


@contextmanager
def files_of_at_most(num_bytes: int) -> Iterator[None]:
    """Let no file grow beyond a size during the block; a write beyond it raises OSError."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (num_bytes, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
