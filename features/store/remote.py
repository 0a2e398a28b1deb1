"""Stores at an address such as ``s3://bucket/demo/minilm.zarr``.

zarr-python reads attributes and index through fsspec. A chunk is fetched whole when a track in it
is first read, kept on this machine, and mapped like a local one.
"""

import os
from pathlib import Path
from typing import Any

from features.drafts import draft_of
from features.errors import ProjectError
from features.store.format import chunk_name

FOLDER_VARIABLE = "PERMAFROST_REMOTE"
# Of all stores together; the chunks that were not used for longest are deleted first.
LIMIT_BYTES = 20_000_000_000


def is_address(path: Path | str) -> bool:
    """Whether a store is not in a folder of this machine."""
    return "://" in str(path)


def open_address(address: str) -> Any:
    """The group at an address, read-only; ProjectError where it cannot be opened."""
    import zarr

    try:
        return zarr.open_group(address, mode="r", zarr_format=3)
    except ImportError as error:
        raise ProjectError(
            f"{address} needs another package ({error}); install it: s3fs for s3://, gcsfs for "
            f"gs://"
        ) from None
    except Exception as error:  # whatever the library, fsspec and the server's client raise
        reason = (str(error) or type(error).__name__).splitlines()[0]
        raise ProjectError(
            f"{address} cannot be opened as a store ({reason}); check the address and that this "
            "machine may read it"
        ) from None


class RemoteChunks:
    """The chunks of one store, in a folder of this machine that all stores share."""

    def __init__(self, address: str, limit_bytes: int = LIMIT_BYTES) -> None:
        import fsspec

        self.address, self.limit_bytes = address, limit_bytes
        self.files, self.root = fsspec.core.url_to_fs(address)
        default = Path.home() / ".cache" / "permafrost" / "chunks"
        self.folder = Path(os.environ.get(FOLDER_VARIABLE) or default)

    def path(self, key: str, crc: int) -> Path:
        """The file of a part's chunk, which is fetched if it is not there."""
        path = self.folder / f"{key}-{crc:08x}.chunk"
        if path.exists():
            path.touch()
        else:
            self._fetch(key, path)
        return path

    def forget(self, key: str, crc: int) -> None:
        """Delete a chunk that turned out to be damaged, so that it is fetched again."""
        (self.folder / f"{key}-{crc:08x}.chunk").unlink(missing_ok=True)

    def _fetch(self, key: str, path: Path) -> None:
        source = f"{self.root}/parts/{key}/{chunk_name(3)}"
        with draft_of(path) as draft:
            try:
                self.files.get_file(source, str(draft))
            except Exception as error:  # whatever the server's client raises
                reason = (str(error) or type(error).__name__).splitlines()[0]
                raise ProjectError(
                    f"{self.address}: the part {key} cannot be fetched ({reason}); try again, or "
                    "publish the store there again"
                ) from None
            self._make_room(draft.stat().st_size)
            draft.replace(path)

    def _make_room(self, num_bytes: int) -> None:
        """Delete the chunks that were not used for longest; who has mapped one keeps it."""
        chunks = sorted(
            ((file.stat().st_mtime_ns, file.stat().st_size, file) for file in self._chunks()),
        )
        total = num_bytes + sum(size for _, size, _ in chunks)
        for _, size, file in chunks:
            if total <= self.limit_bytes:
                return
            file.unlink(missing_ok=True)
            total -= size

    def _chunks(self) -> list[Path]:
        return list(self.folder.glob("*.chunk"))
