"""Tracks that another tool wrote to a file, by utterance id (features/exchange)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from extract.media.errors import UnreadableError
from extract.media.files.foreign import read_decoded
from extract.media.rows import id_key
from extract.network.backbone import Example, Reading, Window
from features.errors import ProjectError, quoted
from features.files import digest_json
from features.foreign.decode import VERSION
from features.foreign.decoded import Decoded, Tracks
from features.manifest import BY_ID, MODALITIES


@dataclass(frozen=True)
class ById:
    """Turns the id of an utterance into the Example with its track in the file."""

    tracks: Tracks
    rows: Mapping[str, int]
    reasons: Sequence[str]
    id_pattern: str | None
    replace_non_finite: float | None
    where: str

    def __call__(self, name: str) -> Example:
        """The track `(L, T, D)` of an utterance.

        Raises UnreadableError with the reason that the file states for a missing track, or
        ``missing`` if the file does not have the utterance.
        """
        key = id_key(self.id_pattern, name)
        if key is None:
            raise ProjectError(
                f"id_pattern is {self.id_pattern!r}, which does not match the id {name!r}"
            )
        if key not in self.rows:
            raise UnreadableError("missing", f"{self.where} has no utterance {key!r}")
        row = self.rows[key]
        values = self.tracks.track(row)
        if not values.shape[1]:
            raise UnreadableError(self.reasons[row], f"{self.where} has no track for it")
        facts = {}
        if self.replace_non_finite is not None:
            non_finite = ~np.isfinite(values)
            facts = {"num_replaced": int(non_finite.sum())}
            values = np.where(non_finite, np.float32(self.replace_non_finite), values)
        return Example((Window(values.astype(np.float32)),), facts=facts)


class Foreign:
    """A backbone without a network: the tracks of a file, whoever made them."""

    version = VERSION
    reading = Reading((BY_ID,))
    budget = 2**20
    # The file's location does not matter; its content does, through the digest.
    unhashed = ("path", "digest")

    def __init__(
        self, modality: str, weights_digest: str, prepare: ById, stated: Mapping[str, Any]
    ) -> None:
        tracks = prepare.tracks
        self.modality, self.weights_digest, self.prepare = modality, weights_digest, prepare
        self.dim = tracks.dim
        self.layers = tuple(stated.get("layers") or range(tracks.num_layers))
        self.rate_hz: float | None = stated.get("rate_hz")
        half_step = None if self.rate_hz is None else 0.5 / self.rate_hz
        self.first_step_s: float | None = stated.get("first_step_s", half_step)
        self.nominal_steps = max(1, round(float(np.mean(tracks.lengths))))

    def cost(self, window: Window) -> int:
        """Steps."""
        return max(1, int(window.values.shape[1]))

    def encode(self, windows: Sequence[Window]) -> list[Tensor]:
        """The tracks as they are, `(L, T, D)`."""
        return [torch.from_numpy(window.values) for window in windows]


def load_foreign(
    form: str,
    path: str,
    *,
    modality: str | None,
    field: str | None,
    digest: str | None,
    id_pattern: str | None,
    rate_hz: float | None,
    replace_non_finite: float | None,
) -> Foreign:
    """The tracks of one field of a file, which is decoded unless it has been before."""
    decoded, actual = read_decoded(Path(path), form, digest)
    name = _field(decoded, field, modality, path)
    stated = decoded.attributes_of(name)
    if rate_hz is not None:
        stated = {**stated, "rate_hz": rate_hz, "first_step_s": 0.5 / rate_hz}
    if modality is not None and stated.get("modality", modality) != modality:
        raise ProjectError(
            f"modality is {modality!r}, but {path} says that its tracks are {stated['modality']}"
        )
    chosen = modality or stated.get("modality") or (name if name in MODALITIES else None)
    if chosen is None:
        raise ProjectError(
            f"{path} does not state the modality of its tracks; set modality to "
            f"{quoted(MODALITIES)}"
        )
    rows = _rows(decoded.ids, id_pattern, path)
    prepare = ById(
        decoded.tracks(name), rows, decoded.reasons, id_pattern, replace_non_finite, path
    )
    content = digest_json({"file": actual, "format": form, "field": name})
    return Foreign(chosen, content, prepare, stated)


def _field(decoded: Decoded, field: str | None, modality: str | None, path: str) -> str:
    """The field that is asked for, the one of the modality, or the only one."""
    fields = list(decoded.fields)
    if field is not None:
        if field not in fields:
            raise ProjectError(f"{path} has no field {field!r}; it has {quoted(fields)}")
        return field
    if modality in fields:
        return str(modality)
    if len(fields) == 1 and (modality is None or fields[0] not in MODALITIES):
        return fields[0]
    raise ProjectError(
        f"{path} has the fields {quoted(fields)}; name one: field: {fields[0] if fields else '...'}"
    )


def _rows(ids: Sequence[str], pattern: str | None, path: str) -> dict[str, int]:
    """The row of each id, by the part that is compared; ids without a match are left out."""
    rows: dict[str, int] = {}
    for row, name in enumerate(ids):
        key = id_key(pattern, name)
        if key is None:
            continue
        if key in rows:
            both = quoted([ids[rows[key]], name])
            raise ProjectError(f"{path}: id_pattern {pattern!r} makes {both} the same id")
        rows[key] = row
    return rows
