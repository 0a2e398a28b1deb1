"""Zero padding that other tools add to tracks, found and removed where it is unambiguous."""

from dataclasses import dataclass

import numpy as np

from features.errors import counted
from features.foreign.contract import Note
from features.store.format import Array


@dataclass
class Unpadded:
    """Removes padding from the tracks of one field, and counts what it did."""

    field: str
    num_padded: int = 0
    num_unclear: int = 0
    num_steps: int = 0

    def known(self, values: Array, length: int) -> Array:
        """A track `(T, D)` of a stated length, without the zeros at the one end where they are.

        A track with other numbers than zero beyond its length is kept whole, and counted.
        """
        num_added = len(values) - length
        if not (values[length:] != 0).any():
            self._count(num_added)
            return values[:length]
        if not (values[:num_added] != 0).any():
            self._count(num_added)
            return values[num_added:]
        self.num_unclear += 1
        return values

    def trailing(self, values: Array) -> Array:
        """A track without the steps of zeros at its end."""
        steps = np.flatnonzero((values != 0).any(axis=-1))
        last = int(steps[-1]) + 1 if len(steps) else 0
        self._count(len(values) - last)
        return values[:last]

    def guessed(self, values: Array) -> Array:
        """A track without its steps of zeros, where they are at one end of it alone.

        Zeros at both ends, or between other steps, may be meant: such a track is kept whole.
        """
        steps = np.flatnonzero((values != 0).any(axis=-1))
        if len(steps) in (0, len(values)):
            self._count(len(values) - len(steps))
            return values[: len(steps)]
        first, last = int(steps[0]), int(steps[-1]) + 1
        if last - first > len(steps) or (first > 0 and last < len(values)):
            self.num_unclear += 1
            return values
        self._count(len(values) - (last - first))
        return values[first:last]

    def _count(self, num_steps: int) -> None:
        self.num_padded += num_steps > 0
        self.num_steps += num_steps

    def say(self, note: Note) -> None:
        """Say how much was removed, and which tracks were left as they were."""
        if self.num_padded:
            note(
                f"{self.field}: padding removed from {counted(self.num_padded, 'track')}, "
                f"{counted(self.num_steps, 'step')} of zeros"
            )
        if self.num_unclear:
            note(
                f"{self.field}: in {counted(self.num_unclear, 'track')} it is unclear what is "
                "padding (zeros at both ends, between others, or not where the stated length "
                "says); nothing was removed there"
            )
