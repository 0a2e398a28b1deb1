"""Ready-made features: tables with ids, one table per utterance, or ordered arrays.

`features` names the files under ``corpora.<name>.features``. Each utterance's rows become its
steps, as they are; no network runs. DAIC-WOZ's COVAREP and CLNF tables, OpenFace's, and the arrays
of CMU-MOSI are such files. Pickles are not read: they run code when they are opened.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from extract.media.errors import UnreadableError
from extract.media.rows import FeatureRows, id_key, read_rows
from extract.network.backbone import Example, Reading, Window
from extract.network.compute import CPU, Compute
from features.errors import ProjectError

MODALITY = {"modality": {"text": "text", "audio": "audio", "video": "video"}}
VERSION = 1
READS = "features"
RANGES = {"dim": (1, None), "rate_hz": (0.001, None)}


@dataclass(frozen=True)
class Selection:
    """Turns an utterance's rows in a file into an Example."""

    dim: int
    columns: tuple[str, ...] | None
    id_column: str | None
    id_pattern: str | None
    rate_hz: float | None
    replace_non_finite: float | None

    def __call__(self, source: FeatureRows) -> Example:
        values = self._values(source)
        if values.ndim != 2:
            raise ProjectError(
                f"{source.path} has {values.ndim} dimensions for an utterance; it must have "
                "two, steps and numbers"
            )
        if values.shape[1] != self.dim:
            raise ProjectError(
                f"{source.path} gives {values.shape[1]} numbers per step, and dim is {self.dim}; "
                "set dim, or choose other columns"
            )
        values = self._cut(source, values)
        facts: Mapping[str, int] = {}
        if self.replace_non_finite is not None:
            non_finite = ~np.isfinite(values)
            facts = {"num_replaced": int(non_finite.sum())}
            values = np.where(non_finite, self.replace_non_finite, values)
        if len(values) == 0:
            return Example(())
        return Example((Window(values.astype(np.float32)),), facts=facts)

    def _values(self, source: FeatureRows) -> NDArray[np.float64]:
        """All rows of the utterance, `(T, D)`."""
        table = read_rows(source.path, source.digest, self.columns, self.id_column, self.id_pattern)
        if table.rows is not None:
            return table.values[self._named_rows(source, table.rows)]
        if source.num_sharing == 1:
            return np.atleast_2d(table.values)
        if source.path.suffix.lower() != ".npy":
            raise ProjectError(
                f"{source.path} is the table of {source.num_sharing} utterances; set id_column to "
                "the column with the utterance ids"
            )
        num_rows = len(np.atleast_1d(table.values))
        if num_rows != source.num_sharing:
            raise ProjectError(
                f"{source.path} has {num_rows} rows for {source.num_sharing} utterances; an "
                "ordered array has one row for each, in the order of the manifest"
            )
        if not 0 <= source.place < source.num_sharing:
            raise ProjectError(
                f"{source.path} has {source.num_sharing} rows, and the manifest says row "
                f"{source.place} for {source.id!r}"
            )
        return np.atleast_2d(table.values[source.place])

    def _named_rows(self, source: FeatureRows, rows: Mapping[str, list[int]]) -> list[int]:
        key = id_key(self.id_pattern, source.id)
        if key is None:
            raise ProjectError(
                f"id_pattern is {self.id_pattern!r}, which does not match the id {source.id!r}"
            )
        own_rows = rows.get(key, [])
        if not own_rows:
            raise UnreadableError("missing", f"{source.path} has no row for it")
        return own_rows

    def _cut(self, source: FeatureRows, values: NDArray[np.float64]) -> NDArray[np.float64]:
        """The rows of the seconds that are read."""
        if not source.stretches or source.num_sharing > 1:
            return values
        if self.rate_hz is None:
            raise ProjectError(
                f"{source.path}: only some stretches of {source.id!r} are read, and the table "
                "does not state times; set rate_hz, the rows of a second"
            )
        rate_hz = self.rate_hz
        limits = [
            (round((start or 0.0) * rate_hz), len(values) if end is None else round(end * rate_hz))
            for start, end in source.stretches
        ]
        return np.concatenate([values[first:last] for first, last in limits])


class Imported:
    """A backbone without a network: the rows that were read are the track."""

    version = VERSION
    layers = (0,)
    weights_digest = ""
    nominal_steps = 1
    budget = 2**20

    def __init__(self, modality: str, features: str, selection: Selection) -> None:
        self.modality = modality
        self.dim = selection.dim
        self.rate_hz = selection.rate_hz
        self.first_step_s = None if selection.rate_hz is None else 0.5 / selection.rate_hz
        self.reading = Reading((features,))
        self.prepare = selection
        if selection.rate_hz is not None:
            self.nominal_steps = max(1, round(4 * selection.rate_hz))

    def cost(self, window: Window) -> int:
        """Rows."""
        return max(1, len(window.values))

    def encode(self, windows: Sequence[Window]) -> list[Tensor]:
        """The rows as they are, `(1, T, D)`."""
        return [torch.from_numpy(window.values)[None] for window in windows]


def load(
    compute: Compute,
    *,
    modality: Literal["text", "audio", "video"],
    features: str,
    dim: int,
    columns: list[str] | None = None,
    id_column: str | None = None,
    id_pattern: str | None = None,
    rate_hz: float | None = None,
    replace_non_finite: float | None = None,
) -> Imported:
    """Read files of features; no network runs.

    `id_column` names the column of a shared table that holds the utterance's id; `id_pattern` is a
    regular expression with one group, and ids are the same where it captures the same in both.
    `rate_hz` is how many rows a second has; it is needed where only some stretches of the media
    are read. `replace_non_finite` replaces values that are not finite, which fail the utterance
    otherwise; the store keeps how many it replaced.
    """
    if id_pattern is not None and _num_groups(id_pattern) != 1:
        raise ProjectError(
            f"id_pattern is {id_pattern!r}; it must be a regular expression with one group, "
            "such as '0[13]-(.+)'"
        )
    selected = None if columns is None else tuple(columns)
    selection = Selection(dim, selected, id_column, id_pattern, rate_hz, replace_non_finite)
    return Imported(modality, features, selection)


def tiny() -> Imported:
    """Three numbers per row, 10 rows a second."""
    return load(CPU, modality="audio", features="tiny", dim=3, rate_hz=10.0)


def _num_groups(pattern: str) -> int | None:
    try:
        return re.compile(pattern).groups
    except re.error:
        return None
