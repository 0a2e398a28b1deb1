"""The frozen specs of searches over the settings of a head."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from features.binding import within
from features.specs.training import different_seeds


@dataclass(frozen=True)
class RangeSpec:
    """Numbers from `low` to `high`, whole ones if both are; `log`: drawn on a logarithmic scale."""

    low: float | int
    high: float | int
    log: bool = False

    @property
    def whole(self) -> bool:
        """Whether only whole numbers are drawn."""
        return isinstance(self.low, int) and isinstance(self.high, int)


@dataclass(frozen=True)
class SweepSpec:
    """A search over the settings of a head, scored only on its dev sets.

    `space` maps settings (such as ``training.lr``) to ranges or to lists of values. Every trial
    trains with `seeds`; `seed` is that of the search.
    """

    name: str
    head: str
    space: Mapping[str, RangeSpec | list[Any]]
    trials: int = field(default=20, metadata={"check": within(1, 10000)})
    seed: int = field(default=0, metadata={"check": within(0, 2**32 - 1)})
    seeds: list[int] = field(default_factory=lambda: [0], metadata={"check": different_seeds})
