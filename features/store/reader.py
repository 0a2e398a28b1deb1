"""Reads tracks from a published store through memory maps."""

from collections.abc import Sequence
from contextlib import nullcontext
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from features.drafts import locked_for_reading
from features.errors import ProjectError
from features.store.arrays import METADATA, open_store, read_array
from features.store.format import READABLE, Array, chunk_name, damaged, map_chunk, store_seal
from features.store.remote import RemoteChunks, is_address, open_address

MAX_MAPS = 256
MAX_MAPPED_BYTES = 2**30


class Store:
    """A published store, opened for reading: a folder, or an address such as ``s3://...``.

    Rows are positions in the manifest. Metadata and index are read at once, while the store
    cannot be replaced, and must be those that were written together. A chunk is verified against
    its checksum when it is first mapped; at most MAX_MAPS chunks and MAX_MAPPED_BYTES are mapped
    at a time.
    """

    def __init__(self, path: Path | str) -> None:
        self.path = path
        with nullcontext() if is_address(path) else locked_for_reading(Path(path)):
            group = _opened(path)
            self.attributes = _checked(path, group)
            self._index = {
                name: read_array(group, f"index/{name}", crc, path)
                for name, crc in self.attributes["index"].items()
            }
        self._remote = RemoteChunks(str(path)) if is_address(path) else None
        self.num_layers = len(self.attributes["layers"])
        self.dim: int = self.attributes["dim"]
        self.dtype: str = self.attributes["dtype"]
        self.lengths = self._index["length"]
        self._parts: list[int] = self._index["part"].tolist()
        self._starts: list[int] = self._index["start"].tolist()
        self._lengths: list[int] = self.lengths.tolist()
        self._maps: dict[int, Array] = {}
        self._mapped_bytes = 0
        self._verified: set[int] = set()

    def __len__(self) -> int:
        """The number of utterances, those without a track included."""
        return len(self._lengths)

    @cached_property
    def ids(self) -> list[str]:
        """The utterance ids in manifest order."""
        packed = self._index["id_bytes"].tobytes()
        ends = self._index["id_end"].tolist()
        return [packed[start:end].decode() for start, end in zip([0, *ends], ends, strict=False)]

    @cached_property
    def rows(self) -> dict[str, int]:
        """The row of each utterance id."""
        return {name: row for row, name in enumerate(self.ids)}

    @cached_property
    def reasons(self) -> list[str]:
        """Why each utterance has no track; ``ok`` if it has one."""
        names = self.attributes["reasons"]
        return [names[code] for code in self._index["reason"].tolist()]

    @property
    def spans(self) -> Array | None:
        """Character spans `(sum of T, 2)` of all steps in manifest order; None but for text."""
        return self._index.get("span")

    @property
    def facts(self) -> dict[str, Array]:
        """Whole numbers by name and utterance, such as the frames without a face."""
        names = self.attributes.get("facts", [])
        return {name: self._index[f"fact_{name}"] for name in names}

    def track(self, row: int) -> Array:
        """One utterance's track `(L, T, D)` as a read-only view; T is 0 where it has none."""
        length = self._lengths[row]
        if length == 0:
            return np.zeros((self.num_layers, 0, self.dim), self.dtype)
        start = self._starts[row]
        return self._map(self._parts[row])[:, start : start + length]

    def read(self, rows: Sequence[int]) -> Array:
        """The tracks of several utterances, one after another: `(L, sum of T, D)`, a copy."""
        lengths, starts, parts = self._lengths, self._starts, self._parts
        total = sum([lengths[row] for row in rows])
        values = np.empty((self.num_layers, total, self.dim), self.dtype)
        end = 0
        for row in rows:
            length = lengths[row]
            if length:
                start = starts[row]
                values[:, end : end + length] = self._map(parts[row])[:, start : start + length]
                end += length
        return values

    def refuse_replaced(self) -> None:
        """Raise ProjectError where another store has been published at the path since."""
        try:
            seal = store_attributes(self.path)["seal"]
        except ProjectError:
            return
        if seal != self.attributes["seal"]:
            raise ProjectError(
                f"{self.path} was published again while it was read; run the same command again"
            )

    def _map(self, part: int) -> Array:
        mapped = self._maps.get(part)
        if mapped is not None:
            return mapped
        mapped = self._mapped(self.attributes["parts"][part], part not in self._verified)
        self._verified.add(part)
        self._mapped_bytes += mapped.nbytes
        while self._maps and (len(self._maps) >= MAX_MAPS or self._mapped_bytes > MAX_MAPPED_BYTES):
            self._mapped_bytes -= self._maps.pop(next(iter(self._maps))).nbytes
        self._maps[part] = mapped
        return mapped

    def _mapped(self, entry: dict[str, Any], verify: bool) -> Array:
        """The values of a part, from its chunk file or from the copy of a remote one."""
        key, crc = entry["key"], entry["crc32c"]
        shape = (self.num_layers, entry["num_steps"], self.dim)
        if self._remote is not None:
            try:
                return map_chunk(self._remote.path(key, crc), shape, self.dtype, crc, verify)
            except ProjectError:
                self._remote.forget(key, crc)
            return map_chunk(self._remote.path(key, crc), shape, self.dtype, crc)
        path = Path(self.path) / "parts" / key / chunk_name(3)
        try:
            return map_chunk(path, shape, self.dtype, crc, verify)
        except ProjectError:
            self.refuse_replaced()
            raise


def store_attributes(path: Path | str) -> dict[str, Any]:
    """The attributes of the store at a path; ProjectError where they have changed."""
    return _checked(path, _opened(path))


def _opened(path: Path | str) -> Any:
    return open_address(str(path)) if is_address(path) else open_store(Path(path))


def _checked(path: Path | str, group: Any) -> dict[str, Any]:
    attributes: dict[str, Any] = group.attrs.asdict()
    root = f"{path}/{METADATA}"
    if "schema" not in attributes:
        raise ProjectError(damaged(root, "does not have the attributes of a track store"))
    if attributes["schema"] not in READABLE or "seal" not in attributes:
        raise ProjectError(
            f"{path} was written by another version of Permafrost (store schema "
            f"{attributes['schema']!r}); run 'dvc repro', which recreates it"
        )
    if attributes["seal"] != store_seal(attributes):
        raise ProjectError(damaged(root, "is not as it was written"))
    return attributes
