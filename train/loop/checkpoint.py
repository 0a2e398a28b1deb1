"""Trainings in progress on disk, so that a run that was killed can resume."""

import hashlib
import io
import json
import shutil
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch

from features.files import write_atomic
from features.manifest import Label
from features.source import ROOT
from features.store.reader import Store

# A training in progress is saved no more often than this.
EVERY_S = 2.0
# A saved training begins with the SHA-256 of what follows.
SEAL_BYTES = 32


class Checkpoint:
    """The file of one training in progress; without a path nothing is kept."""

    def __init__(self, path: Path | None = None) -> None:
        self.path = path
        self.written = time.monotonic()

    def read(self) -> dict[str, Any] | None:
        """The state that was saved last; None where there is none.

        One whose bytes have changed is deleted, with a line that says so, and the training starts
        over.
        """
        if self.path is None or not self.path.exists():
            return None
        sealed = self.path.read_bytes()
        seal, content = sealed[:SEAL_BYTES], sealed[SEAL_BYTES:]
        if hashlib.sha256(content).digest() != seal:
            print(f"{self.path} is damaged; the training starts over", file=sys.stderr)
            self.path.unlink()
            return None
        state: dict[str, Any] = torch.load(
            io.BytesIO(content), map_location="cpu", weights_only=True
        )
        return state

    def due(self) -> bool:
        """Whether it is time to write again."""
        return self.path is not None and time.monotonic() - self.written >= EVERY_S

    def write(self, state: Mapping[str, Any]) -> None:
        """Replace the saved state, atomically."""
        if self.path is None:
            return
        content = io.BytesIO()
        torch.save(dict(state), content)
        seal = hashlib.sha256(content.getbuffer()).digest()
        write_atomic(self.path, seal, content.getbuffer())
        self.written = time.monotonic()


class Checkpoints:
    """The trainings of one run, in a folder named by the digest of all that decides their numbers.

    Trainings of other settings, labels, tracks or code are deleted.
    """

    def __init__(self, folder: Path | None, key: str) -> None:
        self.folder = folder
        self.own = None if folder is None else folder / key
        if folder is not None and folder.exists():
            for old in folder.iterdir():
                if old != self.own:
                    shutil.rmtree(old)

    def of(self, name: str) -> Checkpoint:
        """The checkpoint of one training, such as ``fold 1, seed 0``."""
        return Checkpoint(None if self.own is None else self.own / f"{name}.pt")

    def remove(self) -> None:
        """Delete all: the run is complete."""
        if self.folder is not None:
            shutil.rmtree(self.folder, ignore_errors=True)


def run_key(settings: Any, labels: Sequence[Label], stores: Mapping[str, Store]) -> str:
    """A digest of everything that decides the numbers of a run on one machine.

    `settings` are plain JSON, with all that decides beside labels, stores, code and torch.
    """
    digest = hashlib.sha256()
    decisive = [
        settings,
        [asdict(label) for label in labels],
        {name: store.attributes["digest"] for name, store in stores.items()},
        [torch.__version__, torch.get_num_threads()],
    ]
    digest.update(json.dumps(decisive, sort_keys=True).encode())
    for folder in ("features", "train"):
        for file in sorted((ROOT / folder).rglob("*.py")):
            digest.update(file.read_bytes())
    return digest.hexdigest()[:32]
