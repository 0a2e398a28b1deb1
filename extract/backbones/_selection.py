"""The steps of an utterance in a file of ready-made features: its rows, its seconds, one face."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from extract.media.clock import Clock, Stretches, has_times
from extract.media.errors import UnreadableError
from extract.media.rows import FeatureRows, Table, id_key, read_rows
from extract.network.backbone import Example, Window
from features.errors import ProjectError


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
        """The steps of an utterance, none where its face is never seen.

        Raises UnreadableError ``undecodable`` for a file of its own that cannot be used, which
        costs the utterance, and ProjectError for a shared one, and for settings that fit no file.
        """
        table = self._table(source)
        values, clock = self._values(source, table)
        if values.ndim != 2:
            raise UnreadableError(
                "undecodable",
                f"{source.path} has {values.ndim} dimensions for an utterance; it must have "
                "two: steps, and numbers per step",
            )
        if values.shape[1] != self.dim:
            raise UnreadableError(
                "undecodable",
                f"{source.path} gives {values.shape[1]} numbers per step, but dim is {self.dim}; "
                "set dim, or choose other columns",
            )
        values, facts = self._cut(source, values, clock)
        if self.replace_non_finite is not None:
            non_finite = ~np.isfinite(values)
            facts = {**facts, "num_replaced": int(non_finite.sum())}
            values = np.where(non_finite, self.replace_non_finite, values)
        if len(values) == 0:
            return Example(())
        return Example((Window(values.astype(np.float32)),), facts=facts)

    def _table(self, source: FeatureRows) -> Table:
        try:
            return read_rows(
                source.path, source.digest, self.columns, self.id_column, self.id_pattern
            )
        except ProjectError as error:
            if source.num_sharing > 1:
                raise
            raise UnreadableError("undecodable", str(error)) from None

    def _values(
        self, source: FeatureRows, table: Table
    ) -> tuple[NDArray[np.float64], Clock | None]:
        """All rows of the utterance, `(T, D)`, and their clock."""
        if table.rows is not None:
            own = np.array(self._named_rows(source, table.rows))
            return table.values[own], table.clock and table.clock.rows(own)
        if source.num_sharing == 1 or (source.stretches and has_times(table.clock)):
            return np.atleast_2d(table.values), table.clock
        if source.path.suffix.lower() != ".npy":
            raise ProjectError(
                f"{source.path} is a table that {source.num_sharing} utterances share, and "
                "nothing says which rows are whose; set id_column to the column with their ids"
            )
        num_rows = len(np.atleast_1d(table.values))
        if num_rows != source.num_sharing:
            raise ProjectError(
                f"{source.path} has {num_rows} rows for {source.num_sharing} utterances; "
                "an array must have one row for each, in the order of the manifest"
            )
        if not 0 <= source.place < source.num_sharing:
            raise ProjectError(
                f"{source.path} has {source.num_sharing} rows, but the manifest says row "
                f"{source.place} for {source.id!r}"
            )
        return np.atleast_2d(table.values[source.place]), None

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

    def _cut(
        self, source: FeatureRows, values: NDArray[np.float64], clock: Clock | None
    ) -> tuple[NDArray[np.float64], dict[str, int]]:
        """The rows of the seconds that are read; those of one face, if the table has faces.

        `num_lost_rows` are rows in which that face is not seen. They are left out, or, at a stated
        rate, replaced by the nearest row in which it is, so that steps stay in time.
        """
        cuts = source.num_sharing == 1 or (self.id_column is None and has_times(clock))
        stretches = source.stretches if cuts else ()
        if stretches and self.rate_hz is None and not has_times(clock):
            raise ProjectError(
                f"{source.path}: only some stretches of {source.id!r} are read, but the table "
                "does not state times; set rate_hz, the number of rows per second"
            )
        if clock is None:
            return self._cut_by_rate(values, stretches), {}
        own = clock.own_rows(stretches)
        values, clock = values[own], clock.rows(own)
        if self.rate_hz is None:
            rows, num_lost = clock.seen_rows(stretches)
        else:
            rows, num_lost = clock.steps(stretches, self.rate_hz)
        return values[rows], {"num_lost_rows": num_lost} if num_lost else {}

    def _cut_by_rate(
        self, values: NDArray[np.float64], stretches: Stretches
    ) -> NDArray[np.float64]:
        if self.rate_hz is None or not stretches:
            return values
        rate_hz = self.rate_hz
        limits = [
            (round((start or 0.0) * rate_hz), len(values) if end is None else round(end * rate_hz))
            for start, end in stretches
        ]
        return np.concatenate([values[first:last] for first, last in limits])
