"""Cuts inputs beyond a network's limit into overlapping windows."""

from dataclasses import dataclass
from itertools import pairwise

from features.errors import ProjectError


@dataclass(frozen=True)
class Cut:
    """The steps `start` to `stop` of an input; `keep` are those kept, counted from `start`."""

    start: int
    stop: int
    keep: slice


@dataclass(frozen=True)
class Windowing:
    """The longest stretch that is encoded at once, and by how much stretches overlap, in steps."""

    limit: int
    overlap: int

    @classmethod
    def seconds(cls, window_s: float, overlap_s: float, rate_hz: float) -> "Windowing":
        """From seconds; windows must be longer than their overlap."""
        limit, overlap = round(window_s * rate_hz), round(overlap_s * rate_hz)
        if overlap >= limit:
            raise ProjectError(
                f"overlap_s is {overlap_s} and window_s is {window_s}; windows must be longer than "
                f"their overlap by at least one step, {1 / rate_hz:.3g} s"
            )
        return cls(limit, overlap)

    def cuts(self, num_steps: int) -> list[Cut]:
        """Windows over an input, each step kept once.

        A window begins `limit - overlap` steps after the previous one; of their overlap each
        keeps the half that is nearer to its own middle. An input within the limit is one window.
        """
        starts, stride = [0], self.limit - self.overlap
        while starts[-1] + self.limit < num_steps:
            starts.append(starts[-1] + stride)
        stops = [min(start + self.limit, num_steps) for start in starts]
        borders = [0]
        borders += [(stop + start) // 2 for stop, start in zip(stops, starts[1:], strict=False)]
        borders.append(num_steps)
        return [
            Cut(start, stop, slice(first - start, last - start))
            for start, stop, (first, last) in zip(starts, stops, pairwise(borders), strict=True)
        ]
