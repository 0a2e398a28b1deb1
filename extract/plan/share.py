"""Which parts of a store one of several runs makes."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from extract.plan.parts import PlannedPart
from features.errors import ProjectError


@dataclass(frozen=True)
class Share:
    """Every `count`-th part, starting with part `number` (counted from 1)."""

    number: int
    count: int

    @classmethod
    def parse(cls, text: str) -> "Share":
        """Read ``1/4``, the first of four shares; ProjectError for anything else."""
        match = re.fullmatch(r"(\d{1,6})/(\d{1,6})", text)
        number, count = (int(match[1]), int(match[2])) if match else (0, 0)
        if not 1 <= number <= count:
            raise ProjectError(
                f"--shard is {text!r}; it must be the number of a share and how many there are, "
                "from 1/4 to 4/4 for four shares"
            )
        return cls(number, count)

    def __str__(self) -> str:
        return f"{self.number}/{self.count}"

    def keys(self, planned: Sequence[PlannedPart]) -> frozenset[str]:
        """The keys of its parts."""
        return frozenset(plan.key for plan in planned[self.number - 1 :: self.count])
