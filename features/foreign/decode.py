"""Decodes a foreign file into flat arrays, in a child process; backbones map them into memory.

The folder holds an index and, for each field, the values of all utterances one after another,
float32. It is named after the content of the file, so that several backbones, and later runs, read
one that is there.
"""

import json
import resource
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import numpy as np

from features.drafts import draft_of, locked, replace_folder, sync_files
from features.errors import ProjectError
from features.files import canonical_json, digest_file, digest_json, write_synced
from features.foreign.checked import checked
from features.foreign.contract import Content
from features.foreign.recognise import format_leaf, recognised
from features.manifest import MODALITIES
from features.store.format import Array

# Raised when a change of any format's reading changes what comes out of a file.
VERSION = 1
INDEX = "index.json"
# What a file may unpack to, besides and for each of its bytes: compression of features saves less.
MAX_UNPACKED_BYTES, MAX_UNPACKED_RATIO = 2 * 2**30, 40
# What a process may need besides the file: Python, its libraries, and the largest track.
BASE_BYTES = 3 * 2**30


def path_digest(path: Path) -> str:
    """SHA-256 of a file, or of the names and contents of all files in a folder.

    Raises ProjectError where there is neither.
    """
    if path.is_file():
        return digest_file(path)
    if not path.is_dir():
        raise ProjectError(f"{path} does not exist; give the path of a file or folder of features")
    files = sorted(file for file in path.rglob("*") if file.is_file())
    return digest_json({file.relative_to(path).as_posix(): digest_file(file) for file in files})


def decoded_folder(pool: Path, digest: str, form: str) -> Path:
    """Where the content of a file with that digest is decoded, in the folder of the pool."""
    return pool / "imported" / digest_json({"file": digest, "format": form, "version": VERSION})


def size_limit(path: Path) -> int:
    """How much memory the reading of a file may take."""
    return BASE_BYTES + 3 * size_of(path)


def size_of(path: Path) -> int:
    """The bytes of a file, or of all files in a folder."""
    files = [path] if path.is_file() else [file for file in path.rglob("*") if file.is_file()]
    return sum(file.stat().st_size for file in files)


def decode(path: Path, form: str, folder: Path) -> None:
    """Decode a file of a format into a folder, which is whole or absent.

    It is meant for a process of its own, whose memory it limits. Raises ProjectError for a file
    that is not as the format must be.
    """
    _limit_memory(size_limit(path))
    decode_here(path, form, folder)


def decode_here(path: Path, form: str, folder: Path) -> None:
    """`decode` without the limit; for files that were not made by strangers."""
    with locked(folder), draft_of(folder) as draft:
        if folder.exists():
            return
        draft.mkdir()
        notes: list[str] = []
        content = format_leaf(recognised(path, form)).read(path, notes.append)
        limit = MAX_UNPACKED_BYTES + MAX_UNPACKED_RATIO * size_of(path)
        _write(content, path, draft, notes, limit)
        sync_files(draft)
        replace_folder(draft, folder)


def _limit_memory(num_bytes: int) -> None:
    """Raise or lower the limit that the process has; never beyond that of the system."""
    _, hard = resource.getrlimit(resource.RLIMIT_DATA)
    soft = num_bytes if hard == resource.RLIM_INFINITY else min(num_bytes, hard)
    resource.setrlimit(resource.RLIMIT_DATA, (soft, hard))


def _write(content: Content, path: Path, draft: Path, notes: list[str], limit: int) -> None:
    """Write the values of each field and the index; ProjectError beyond so many bytes."""
    written = 0
    fields: dict[str, dict[str, Any]] = {}
    ids: list[str] = []
    labels: list[Mapping[str, Any]] = []
    texts: list[str | None] = []
    reasons: list[str] = []
    with ExitStack() as stack:
        files: dict[str, Any] = {}
        for item in checked(content.items, str(path)):
            for field, track in item.tracks.items():
                if field not in fields:
                    file = draft / f"{len(fields)}.values"
                    files[field] = stack.enter_context(file.open("wb"))
                    layers, _, dim = track.shape
                    fields[field] = {
                        "file": file.name,
                        "layers": layers,
                        "dim": dim,
                        "lengths": [0] * len(ids),
                    }
                written += track.nbytes
                if written > limit:
                    raise ProjectError(
                        f"{path} unpacks to more than {limit / 1e6:.0f} MB, which is too much for "
                        f"its {size_of(path)} bytes; write it without compression"
                    )
                files[field].write(track.data)
            for field, facts in fields.items():
                own = item.tracks.get(field)
                facts["lengths"].append(0 if own is None else own.shape[1])
            ids.append(item.id)
            labels.append(item.label)
            texts.append(item.text)
            reasons.append(item.reason)
    index = {
        "ids": ids,
        "labels": labels,
        "texts": texts,
        "reasons": reasons,
        "fields": fields,
        "attributes": dict(content.attributes),
        "notes": notes,
    }
    write_synced(draft / INDEX, canonical_json(index))


def stated_facts(attributes: Mapping[str, Any], num_layers: int) -> dict[str, Any]:
    """Modality, layers, steps per second and the time of the first, without what cannot be."""
    facts: dict[str, Any] = {}
    if attributes.get("modality") in MODALITIES:
        facts["modality"] = attributes["modality"]
    layers = attributes.get("layers")
    if isinstance(layers, list) and len(set(map(str, layers))) == len(layers) == num_layers:
        facts["layers"] = layers if all(type(layer) is int for layer in layers) else None
    rate_hz, first_step_s = attributes.get("rate_hz"), attributes.get("first_step_s")
    if isinstance(rate_hz, int | float) and 0.001 <= rate_hz < 1e6:
        facts["rate_hz"] = float(rate_hz)
        if isinstance(first_step_s, int | float) and 0 <= first_step_s < 1e6:
            facts["first_step_s"] = float(first_step_s)
    return facts


class Decoded:
    """The content of a foreign file that was decoded: tracks by field and id, labels and texts."""

    def __init__(self, folder: Path) -> None:
        index = json.loads((folder / INDEX).read_bytes())
        self.folder = folder
        self.ids: list[str] = index["ids"]
        self.labels: list[dict[str, Any]] = index["labels"]
        self.texts: list[str | None] = index["texts"]
        self.reasons: list[str] = index["reasons"]
        self.attributes: dict[str, Any] = index["attributes"]
        self.notes: list[str] = index["notes"]
        self.fields: dict[str, dict[str, Any]] = index["fields"]

    def attributes_of(self, field: str) -> dict[str, Any]:
        """What the file states of a field's tracks, as far as it can be true."""
        return stated_facts(self.attributes, self.fields[field]["layers"])

    @property
    def num_steps(self) -> dict[str, int]:
        """How many steps the tracks of each field have together."""
        return {field: sum(facts["lengths"]) for field, facts in self.fields.items()}

    def tracks(self, field: str) -> "Tracks":
        """The tracks of one field."""
        facts = self.fields[field]
        return Tracks(self.folder / facts["file"], facts["layers"], facts["dim"], facts["lengths"])


class Tracks:
    """Tracks `(L, T, D)` by row, mapped into memory; it can be sent to another process."""

    def __init__(self, path: Path, num_layers: int, dim: int, lengths: Sequence[int]) -> None:
        self.path, self.num_layers, self.dim = path, num_layers, dim
        self.lengths = list(lengths)
        self.starts = np.cumsum([0, *lengths])[:-1].tolist()
        self._values: Array | None = None

    def track(self, row: int) -> Array:
        """One track `(L, T, D)`, a read-only view."""
        if self._values is None:
            empty = np.zeros(0, np.float32)
            self._values = np.memmap(self.path, np.float32, "r") if any(self.lengths) else empty
        size = self.num_layers * self.dim
        start, length = self.starts[row] * size, self.lengths[row]
        values = self._values[start : start + length * size]
        return values.reshape(self.num_layers, length, self.dim)

    def __getstate__(self) -> dict[str, Any]:
        """All but the map, which another process makes again."""
        return {**vars(self), "_values": None}
