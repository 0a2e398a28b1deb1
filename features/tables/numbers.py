"""Tables of numbers, read by column: they are too large to be read row by row."""

from collections.abc import Sequence
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from features.errors import ProjectError
from features.tables.cells import Cell
from features.tables.delimited import Delimited
from features.tables.grid import Grid
from features.tables.table import delimited_of, read_grid


class NumberTable:
    """A table of any format whose columns are read as numbers, or as texts where they are ids.

    `names` are those of the columns, in order. A first row with only numbers is not a header: the
    columns are then called 0, 1, ...
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.delimited: Delimited | None = delimited_of(path)
        first = self.delimited.head() if self.delimited else self._grid.rows[:1]
        cells: Sequence[object] = first if self.delimited else (first or [[]])[0]
        if not cells:
            raise ProjectError(f"{path} is empty; it must be a table of numbers")
        self.width = len(cells)
        self.has_header = not all(is_number(str(cell)) for cell in cells)
        header = [str(cell).strip() for cell in cells]
        self.names = header if self.has_header else [str(n) for n in range(self.width)]
        self.place_of = {name: place for place, name in enumerate(self.names)}

    def numbers(self, names: Sequence[str]) -> NDArray[np.float64]:
        """Some columns `(N, D)`; ProjectError that names the cell that is not a number."""
        places = [self.place_of[name] for name in names]
        if self.delimited is not None and "_grid" not in self.__dict__:
            values = self.delimited.numbers(self.width, int(self.has_header), places)
            if values is not None:
                return values
        rows = [[self._number(row, n, place) for place in places] for n, row in self._rows()]
        return np.array(rows, np.float64).reshape(len(rows), len(places))

    def seconds(self, name: str) -> NDArray[np.float64]:
        """A column of times: numbers, or durations such as ``0 days 00:00:01.25``."""
        try:
            return self.numbers([name])[:, 0]
        except ProjectError:
            import pandas

            try:
                durations = pandas.to_timedelta(self.texts(name))
            except ValueError:
                durations = None
            if durations is None:
                raise
            values: NDArray[np.float64] = durations.total_seconds().to_numpy(np.float64)
            return values

    def texts(self, name: str) -> list[str]:
        """The cells of one column, without blanks around them."""
        place = self.place_of[name]
        if self.delimited is not None and "_grid" not in self.__dict__:
            return self.delimited.texts(self.width, int(self.has_header), place)
        return [str(row[place]).strip() for _, row in self._rows()]

    def first_row(self) -> dict[str, str]:
        """The cells of the first row by column, empty where there is no row."""
        if self.delimited is not None:
            rows = self.delimited.first_rows(self.width, 2)
        else:
            rows = [[str(cell) for cell in row] for row in self._grid.rows[:2]]
        row = rows[int(self.has_header)] if len(rows) > int(self.has_header) else []
        return {name: row[n].strip() if n < len(row) else "" for n, name in enumerate(self.names)}

    @cached_property
    def _grid(self) -> Grid:
        return read_grid(self.path)[0]

    def _rows(self) -> list[tuple[int, list[Cell]]]:
        skipped = int(self.has_header)
        grid = self._grid
        return list(zip(grid.numbers[skipped:], grid.rows[skipped:], strict=True))

    def _number(self, row: Sequence[Cell], number: int, place: int) -> float:
        try:
            return float(str(row[place]))
        except ValueError:
            raise ProjectError(
                f"{self.path}, line {number}: {self.names[place]} is {row[place]!r}; it must be a "
                "number. List only columns of numbers under 'columns'"
            ) from None


def is_number(cell: str) -> bool:
    """Whether a cell is written as a number; ``nan`` and ``inf`` are."""
    try:
        float(cell)
    except ValueError:
        return False
    return True
