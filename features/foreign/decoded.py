"""The content of a foreign file that was decoded, mapped into memory."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from features.foreign.flat import INDEX
from features.manifest import MODALITIES
from features.store.format import Array


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

    def tracks(self, field: str) -> "Tracks":
        """The tracks of one field."""
        facts = self.fields[field]
        shape = (facts["layers"], facts["dim"])
        return Tracks(self.folder / facts["file"], *shape, facts["dtype"], facts["lengths"])


class Tracks:
    """Tracks `(L, T, D)` by row, mapped into memory; it can be sent to another process."""

    def __init__(
        self, path: Path, num_layers: int, dim: int, dtype: str, lengths: Sequence[int]
    ) -> None:
        self.path, self.num_layers, self.dim, self.dtype = path, num_layers, dim, dtype
        self.lengths = list(lengths)
        self.starts = np.cumsum([0, *lengths])[:-1].tolist()
        self._values: Array | None = None

    def track(self, row: int) -> Array:
        """One track `(L, T, D)`, a read-only view."""
        if self._values is None:
            empty = np.zeros(0, self.dtype)
            self._values = np.memmap(self.path, self.dtype, "r") if any(self.lengths) else empty
        size = self.num_layers * self.dim
        start, length = self.starts[row] * size, self.lengths[row]
        values = self._values[start : start + length * size]
        return values.reshape(self.num_layers, length, self.dim)

    def __getstate__(self) -> dict[str, Any]:
        """All but the map, which another process makes again."""
        return {**vars(self), "_values": None}
