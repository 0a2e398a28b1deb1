"""A file of a corpus, checked against the manifest before it is read."""

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from extract.media.errors import UnreadableError
from features.errors import ProjectError
from features.files import digest_file
from features.untrusted.regular import file_fault


@dataclass(frozen=True)
class Source:
    """A file below the root, its digest in the manifest (None: it was missing), and a limit."""

    root: Path
    relative: str
    digest: str | None
    max_bytes: int

    def __str__(self) -> str:
        return str(self.root / self.relative)

    def checked(self) -> Path:
        """The path of the file, which is the one in the manifest.

        Raises:
            UnreadableError: ``missing`` or ``too-large``.
            ProjectError: when the file has changed since the manifest was made.
        """
        path = self.root / self.relative
        fault = file_fault(self.root, self.relative)
        if fault is not None:
            if self.digest is None or path.exists():
                raise UnreadableError("missing", fault)
            raise stale_manifest(f"{path} has been removed")
        state = path.stat()
        if state.st_size > self.max_bytes:
            detail = f"{path} has {state.st_size} bytes; extract.max_media_bytes is"
            raise UnreadableError("too-large", f"{detail} {self.max_bytes}")
        if _digest(path, state.st_mtime_ns, state.st_size) != self.digest:
            raise stale_manifest(f"{path} has changed")
        return path


@lru_cache(maxsize=1)
def _digest(path: Path, changed_ns: int, num_bytes: int) -> str:
    """The digest of the file that was read last: several utterances may share it."""
    return digest_file(path)


def stale_manifest(fault: str) -> ProjectError:
    """The error for media that are not the ones in the manifest; nothing is recorded."""
    return ProjectError(
        f"{fault} since the manifest was made; run 'dvc repro', which makes the manifest again"
    )
