"""The clock of a table of features: the time of each row, its face, and whether that was seen."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from extract.media.errors import UnreadableError

Floats = NDArray[np.float64]
Stretches = Sequence[tuple[float | None, float | None]]
# Columns of row times, of which the first present is used: OpenFace's and two of openSMILE's.
TIMES = ("timestamp", "frameTime")
SPAN = ("start", "end")
FACE, SUCCESS, CONFIDENCE = "face_id", "success", "confidence"
# Columns that are not features if a table has a clock.
NO_FEATURES = {*TIMES, FACE, SUCCESS, CONFIDENCE, "frame"}
# More mean that a time is wrong: 27 hours at 100 steps a second.
MAX_STEPS = 10_000_000


def clock_columns(names: Sequence[str]) -> tuple[str | None, frozenset[str]]:
    """The column with the times of rows, and all that are not features; none without a clock."""
    present = set(names)
    time = next((name for name in TIMES if name in present), None)
    if time is None and set(SPAN) <= present:
        return SPAN[0], frozenset({*SPAN, *(NO_FEATURES & present)})
    if time is None and not {FACE, SUCCESS} & present:
        return None, frozenset()
    return time, frozenset(NO_FEATURES & present)


@dataclass(frozen=True)
class Clock:
    """The time of each row in seconds, its face, and whether the face was seen in it.

    `times` is None where a table only says which rows are lost; `faces` where it has one face.
    """

    seen: NDArray[np.bool_]
    times: Floats | None = None
    faces: Floats | None = None
    confidence: Floats | None = None

    def rows(self, places: NDArray[np.int64]) -> "Clock":
        """The clock of some of the rows."""
        return Clock(
            self.seen[places],
            None if self.times is None else self.times[places],
            None if self.faces is None else self.faces[places],
            None if self.confidence is None else self.confidence[places],
        )

    def own_rows(self, stretches: Stretches) -> NDArray[np.int64]:
        """The rows of one face, in the order of time: the one that is seen in most of the rows.

        Counted in the stretches that are read; of faces seen equally often it is the one with the
        higher mean confidence, then the lower number.
        """
        order = (
            np.arange(len(self.seen)) if self.times is None else self.times.argsort(kind="stable")
        )
        if self.faces is None:
            return order
        counted = self.seen & self._inside(stretches)
        faces = sorted(set(self.faces.tolist()))
        best = max(faces, key=lambda face: (*self._rank(counted & (self.faces == face)), -face))
        own: NDArray[np.int64] = order[self.faces[order] == best]
        return own

    def _rank(self, rows: NDArray[np.bool_]) -> tuple[int, float]:
        mean = 0.0 if self.confidence is None or not rows.any() else self.confidence[rows].mean()
        return int(rows.sum()), float(mean)

    def _inside(self, stretches: Stretches) -> NDArray[np.bool_]:
        if self.times is None or not stretches:
            return np.ones(len(self.seen), bool)
        limits = [(start or 0.0, np.inf if end is None else end) for start, end in stretches]
        inside = np.zeros(len(self.seen), bool)
        for start_s, end_s in limits:
            inside |= (self.times >= start_s) & (self.times < end_s)
        return inside

    def seen_rows(self, stretches: Stretches) -> tuple[NDArray[np.int64], int]:
        """The rows of the stretches in which the face is seen, and how many others there are."""
        assert self.times is not None or not stretches
        parts = [np.flatnonzero(self._inside([stretch])) for stretch in stretches or [(None, None)]]
        places = np.concatenate(parts)
        kept = places[self.seen[places]]
        return kept, len(places) - len(kept)

    def steps(self, stretches: Stretches, rate_hz: float) -> tuple[NDArray[np.int64], int]:
        """The row of each step of a regular track, and how many steps have no row of their own.

        Step n is at n / rate_hz seconds. It takes the nearest row of the stretch in which the face
        is seen; a stretch without any has no steps.
        """
        times = np.arange(len(self.seen)) / rate_hz if self.times is None else self.times
        places, num_held = [np.zeros(0, np.int64)], 0
        for start, end in stretches or [(None, None)] if len(times) else []:
            first = round((float(times.min()) if start is None else start) * rate_hz)
            last = round(float(times.max()) * rate_hz) + 1
            last = last if end is None else min(last, round(end * rate_hz))
            if last - first > MAX_STEPS:
                raise UnreadableError(
                    "undecodable",
                    f"its rows go from {times.min():g} to {times.max():g} s, more than {MAX_STEPS} "
                    f"steps at {rate_hz:g} per second; check the column of times",
                )
            moments = np.arange(first, last) / rate_hz
            margin = 0.5 / rate_hz + 1e-9
            near = self.seen & (times >= (start or 0.0) - margin)
            near &= times < (np.inf if end is None else end + margin)
            rows = np.flatnonzero(near)
            if len(rows) and len(moments):
                nearest = rows[_nearest(times[rows], moments)]
                places.append(nearest)
                num_held += int((np.abs(times[nearest] - moments) > 1.5 * margin).sum())
        return np.concatenate(places), num_held


def _nearest(times: Floats, moments: Floats) -> NDArray[np.int64]:
    """For each moment the place of the nearest of some ascending times; the earlier of two."""
    after = np.clip(np.searchsorted(times, moments), 0, len(times) - 1)
    before = np.maximum(after - 1, 0)
    earlier = np.abs(times[before] - moments) <= np.abs(times[after] - moments)
    return np.where(earlier, before, after)


def has_times(clock: Clock | None) -> bool:
    """Whether rows can be cut by their own times."""
    return clock is not None and clock.times is not None
