"""A file in memory through which a child process passes large arrays, in one copy."""

import mmap
import os
import tempfile
from collections.abc import Sequence
from multiprocessing import reduction
from pickle import PickleBuffer
from typing import Any

# The memory that is kept for the next call; more is freed.
KEPT_BYTES = 64 * 2**20


class SharedFile:
    """A file without a name that two processes map; one writes blocks, then the other reads them.

    It is passed to a child process when that is started.
    """

    def __init__(self) -> None:
        if hasattr(os, "memfd_create"):
            self.handle = os.memfd_create("permafrost")
        else:
            with tempfile.TemporaryFile() as file:
                self.handle = os.dup(file.fileno())
        self.map: mmap.mmap | None = None

    def __getstate__(self) -> Any:
        return reduction.DupFd(self.handle)

    def __setstate__(self, handle: Any) -> None:
        self.handle, self.map = handle.detach(), None

    def write(self, blocks: Sequence[PickleBuffer]) -> list[int]:
        """Write blocks one after another; returns their sizes in bytes."""
        sizes = [block.raw().nbytes for block in blocks]
        mapped, end = self._mapped(sum(sizes)), 0
        for block, size in zip(blocks, sizes, strict=True):
            mapped[end : end + size] = block.raw()
            end += size
        return sizes

    def read(self, sizes: Sequence[int]) -> list[bytearray]:
        """Copies of the blocks that were written."""
        mapped, end, blocks = self._mapped(sum(sizes)), 0, []
        for size in sizes:
            blocks.append(bytearray(memoryview(mapped)[end : end + size]))
            end += size
        if end > KEPT_BYTES:
            os.ftruncate(self.handle, 0)
        return blocks

    def close(self) -> None:
        """Free it."""
        if self.map is not None:
            self.map.close()
        os.close(self.handle)

    def _grow(self, num_bytes: int) -> None:
        """Allocate now: a write to a map without memory behind it would end the process."""
        if hasattr(os, "posix_fallocate"):
            os.posix_fallocate(self.handle, 0, num_bytes)
        else:
            os.ftruncate(self.handle, num_bytes)

    def _mapped(self, num_bytes: int) -> mmap.mmap:
        """A map of the file at its present size, with room for so many bytes."""
        size = os.fstat(self.handle).st_size
        if size < max(num_bytes, 1):
            size = max(num_bytes, 1)
            self._grow(size)
        if self.map is None or len(self.map) != size:
            if self.map is not None:
                self.map.close()
            self.map = mmap.mmap(self.handle, size)
        return self.map
