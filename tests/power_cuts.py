"""What a disk may hold after a power cut: a recording of file operations, played back in part.

A file's content is on disk once the file was flushed, and an entry of a folder once the folder was.
Of what was not flushed, any first part of a folder's changes may have reached the disk, whatever
happened in other folders; a file that was not flushed is empty or cut off.
"""

import os
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest


@dataclass
class Node:
    """A file with the contents that were flushed, or a folder with the changes of its entries."""

    is_folder: bool
    flushed: list[tuple[int, bytes]] = field(default_factory=list)
    # When, the name, and what it then stood for (None: nothing); flushes have no name.
    changes: list[tuple[int, str | None, "Node | None"]] = field(default_factory=list)
    last: bytes = b""


class Recording:
    """The file operations below a folder, by the order in which they happened."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.time = 0
        self.nodes: dict[Path, Node] = {}
        self.active = False
        # Zarr writes from several threads.
        self.lock = threading.RLock()
        for path in (root, *sorted(root.rglob("*"))):
            node = self.nodes[path] = Node(path.is_dir())
            if path.is_file():
                node.last = path.read_bytes()
                node.flushed.append((0, node.last))
            if path != root:
                self.nodes[path.parent].changes.append((0, path.name, node))
        for node in self.nodes.values():
            node.changes.append((0, None, None))

    def hear(self, event: str, arguments: tuple[Any, ...]) -> None:
        """Take down one audit event before it happens."""
        if not self.active or event not in HANDLERS:
            return
        paths = [path for path in HANDLERS[event](arguments) if path is not None]
        if not paths or any(self.root not in path.parents for path in paths):
            return
        with self.lock:
            self._take_down(event, paths)

    def _take_down(self, event: str, paths: list[Path]) -> None:
        self.time += 1
        if event in ("open", "os.mkdir"):
            # One that fails, for want of its folder, is tried again by `mkdir(parents=True)`.
            if paths[0] not in self.nodes and paths[0].parent in self.nodes:
                self._enter(paths[0], Node(event == "os.mkdir"))
        elif event == "os.link":
            # One to a name that is taken fails.
            if paths[1] not in self.nodes:
                self._enter(paths[1], self.nodes[paths[0]])
        elif paths[0] in self.nodes:
            self._leave(*paths)

    def flush(self, path: Path, content: bytes | None) -> None:
        """Take down that a file with this content, or a folder, was flushed."""
        with self.lock:
            if path not in self.nodes:
                return
            self.time += 1
            node = self.nodes[path]
            if content is None:
                node.changes.append((self.time, None, None))
            else:
                node.flushed.append((self.time, content))

    def _enter(self, path: Path, node: Node) -> None:
        self.nodes[path] = node
        self.nodes[path.parent].changes.append((self.time, path.name, node))

    def _leave(self, path: Path, to: Path | None = None) -> None:
        """An entry is removed or renamed."""
        folder, node = self.nodes[path.parent], self.nodes[path]
        below = {p: n for p, n in self.nodes.items() if p == path or path in p.parents}
        for name in below:
            del self.nodes[name]
        if to is None:
            folder.changes.append((self.time, path.name, None))
            return
        assert to.parent == path.parent
        for name, moved in below.items():
            self.nodes[to / name.relative_to(path)] = moved
        # One change: both names at once.
        folder.changes.append((self.time, f"{path.name}\0{to.name}", node))

    def cut(self, random: np.random.Generator, copy: Path, at_the_end: bool = False) -> None:
        """Write what a power cut at a random moment may leave of the root into a new folder."""
        moment = self.time if at_the_end else int(random.integers(self.time + 1))
        self._write(self.nodes[self.root], moment, random, copy)

    def _write(self, node: Node, moment: int, random: np.random.Generator, path: Path) -> None:
        if not node.is_folder:
            flushed = [content for time, content in node.flushed if time <= moment]
            lost = b"lost"[: int(random.integers(3))]
            path.write_bytes(flushed[-1] if flushed else lost)
            return
        path.mkdir()
        past = [change for change in node.changes if change[0] <= moment]
        flushes = [number for number, change in enumerate(past) if change[1] is None]
        durable = flushes[-1] if flushes else 0
        entries: dict[str, Node] = {}
        for _, name, child in past[: int(random.integers(durable, len(past) + 1))]:
            if name is None:
                continue
            old, _, new = name.partition("\0")
            entries.pop(old, None)
            if child is not None:
                entries[new or old] = child
        for name, child in entries.items():
            self._write(child, moment, random, path / name)


def _at(path: Any, folder: int = -1) -> Path | None:
    if not isinstance(path, str | bytes | os.PathLike):
        return None
    name = Path(os.fsdecode(path))
    if name.is_absolute() or folder < 0:
        return name
    return Path(f"/proc/self/fd/{folder}").resolve() / name


HANDLERS: dict[str, Any] = {
    "open": lambda a: [_at(a[0]) if isinstance(a[2], int) and a[2] & os.O_CREAT else None],
    "os.mkdir": lambda a: [_at(a[0], a[2])],
    "os.rename": lambda a: [_at(a[0], a[2]), _at(a[1], a[3])],
    "os.remove": lambda a: [_at(a[0], a[1])],
    "os.rmdir": lambda a: [_at(a[0], a[1])],
    "os.link": lambda a: [_at(a[0], a[2]), _at(a[1], a[3])],
}
RECORDINGS: list[Recording] = []
sys.addaudithook(lambda event, arguments: [r.hear(event, arguments) for r in RECORDINGS][:0])


@contextmanager
def recorded(root: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Recording]:
    """Record the file operations of the block below a folder."""
    recording = Recording(root)
    true_fsync = os.fsync

    def fsync(handle: int) -> None:
        true_fsync(handle)
        path = Path(f"/proc/self/fd/{handle}").resolve()
        recording.flush(path, None if path.is_dir() else path.read_bytes())

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", fsync)
        RECORDINGS.append(recording)
        recording.active = True
        try:
            yield recording
        finally:
            RECORDINGS.remove(recording)
