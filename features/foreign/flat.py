"""Writes the content of a foreign file as flat arrays and an index."""

from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from features.errors import ProjectError, counted
from features.files import canonical_json, write_synced
from features.foreign.checked import checked
from features.foreign.contract import Content
from features.store.format import Array

INDEX = "index.json"
# A file may unpack to so many bytes plus so many for each of its own; features compress by less.
MAX_UNPACKED_BYTES, MAX_UNPACKED_RATIO = 2 * 2**30, 40


def size_of(path: Path) -> int:
    """The bytes of a file, or of all files in a folder."""
    files = [path] if path.is_file() else [file for file in path.rglob("*") if file.is_file()]
    return sum(file.stat().st_size for file in files)


class WiderError(Exception):
    """A track is of another number format than those before it; all are read again as float32."""

    def __init__(self, dtypes: dict[str, str]) -> None:
        super().__init__(dtypes)
        self.dtypes = dtypes


class FieldFile:
    """The values of one field, as they are appended to its file."""

    def __init__(self, path: Path, shape: tuple[int, ...], dtype: str, num_before: int) -> None:
        self.path, self.dtype = path, dtype
        self.layers, _, self.dim = shape
        self.lengths = [0] * num_before
        self.file = path.open("wb")

    def append(self, track: Array | None) -> None:
        """Write one utterance's track, None where it has none."""
        self.lengths.append(0 if track is None else track.shape[1])
        if track is not None:
            self.file.write(track.astype(self.dtype, copy=False).data)

    def said(self, field: str) -> str:
        """What was read, in a line for people."""
        num_tracks = sum(length > 0 for length in self.lengths)
        tracks, steps = counted(num_tracks, "track"), counted(sum(self.lengths), "step")
        layers = f"{self.layers} layers of " if self.layers > 1 else ""
        return f"{field}: {tracks}, {steps} of {layers}{counted(self.dim, 'number')}"

    def facts(self) -> dict[str, Any]:
        """What the index says of the field."""
        names = ("layers", "dim", "dtype", "lengths")
        return {"file": self.path.name, **{name: getattr(self, name) for name in names}}


class FlatFiles:
    """The files of all fields in a folder; `dtypes` are the fields that are widened.

    `limit` is how many bytes they may have together.
    """

    def __init__(self, path: Path, folder: Path, dtypes: Mapping[str, str]) -> None:
        self.path, self.folder, self.dtypes = path, folder, dtypes
        self.limit = MAX_UNPACKED_BYTES + MAX_UNPACKED_RATIO * size_of(path)
        self.files: dict[str, FieldFile] = {}
        self.num_items = self.num_bytes = 0
        self.open = ExitStack()

    def append(self, tracks: Mapping[str, Array]) -> None:
        """Write the tracks of one utterance; WiderError where a format differs."""
        for field, track in tracks.items():
            own = self.files.get(field) or self._begin(field, track)
            if str(track.dtype) != own.dtype and field not in self.dtypes:
                raise WiderError({**self.dtypes, **dict.fromkeys(tracks, "float32")})
            self.num_bytes += track.nbytes
        if self.num_bytes > self.limit:
            raise ProjectError(
                f"{self.path} unpacks to more than {self.limit / 1e6:.0f} MB, which is too much "
                f"for its {size_of(self.path)} bytes; write it without compression"
            )
        for field, own in self.files.items():
            own.append(tracks.get(field))
        self.num_items += 1

    def _begin(self, field: str, track: Array) -> FieldFile:
        place = self.folder / f"{len(self.files)}.values"
        dtype = self.dtypes.get(field, str(track.dtype))
        own = self.files[field] = FieldFile(place, track.shape, dtype, self.num_items)
        self.open.enter_context(own.file)
        return own


def write_flat(
    content: Content, path: Path, folder: Path, notes: list[str], dtypes: Mapping[str, str]
) -> None:
    """Write the values of each field and the index into a folder.

    Raises ProjectError for content that is not as it must be, or much larger than its file.
    """
    flat = FlatFiles(path, folder, dtypes)
    ids: list[str] = []
    labels: list[Mapping[str, Any]] = []
    texts: list[str | None] = []
    reasons: list[str] = []
    with flat.open:
        for item in checked(content.items, str(path)):
            flat.append(item.tracks)
            ids.append(item.id)
            labels.append(item.label)
            texts.append(item.text)
            reasons.append(item.reason)
    notes += [own.said(field) for field, own in flat.files.items()]
    index = {
        "ids": ids,
        "labels": labels,
        "texts": texts,
        "reasons": reasons,
        "fields": {field: own.facts() for field, own in flat.files.items()},
        "attributes": dict(content.attributes),
        "notes": notes,
    }
    write_synced(folder / INDEX, canonical_json(index))
