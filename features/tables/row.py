"""One row of a table; its cells are read by column, as the type that they must have.

A million rows are held at once, so a row is a list of cells, and what they share is kept only once.
"""

import math
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

from features.errors import ProjectError, did_you_mean, quoted
from features.tables.cells import Cell, Nested
from features.tables.characters import without_blanks


@dataclass(frozen=True, slots=True)
class Header:
    """What the rows of a table share: its file, what they are counted in, and its columns.

    `places` says which cell of a row belongs to a column.
    """

    path: Path
    unit: str
    places: dict[str, int]


class Row:
    """The cells of a row, and its number in the file."""

    __slots__ = ("header", "row_number", "values")

    def __init__(self, header: Header, row_number: int, values: list[Cell]) -> None:
        self.header, self.row_number, self.values = header, row_number, values

    @property
    def cells(self) -> dict[str, Cell]:
        """The cells by column."""
        return {name: self.values[place] for name, place in self.header.places.items()}

    def add(self, column: str, cell: Cell) -> None:
        """Give the row one more cell; every row of the table gets one for that column."""
        self.header.places[column] = len(self.values)
        self.values.append(cell)

    @property
    def place(self) -> str:
        """Where it is in the file: ``line 3`` of a text, ``row 3`` of a sheet."""
        return f"{self.header.unit} {self.row_number}"

    @property
    def where(self) -> str:
        """The file and the line or row, for messages."""
        return f"{self.header.path}, {self.place}"

    def text(self, column: str) -> str:
        """A cell as it is written, which must not be empty."""
        return self._text(column) or self.refuse(column, "a text")

    def optional(self, column: str) -> str | None:
        """A cell as it is written, or None where it is empty."""
        return self._text(column) or None

    def trimmed(self, column: str | None) -> str | None:
        """A cell without blanks around it, None where it is empty or there is no such column."""
        return None if column is None else without_blanks(self._text(column)) or None

    def integer(self, column: str) -> int:
        """A cell that must be a whole number; 3.0 is one."""
        value = self.optional_integer(column)
        return self.refuse(column, "a whole number") if value is None else value

    def number(self, column: str) -> float:
        """A cell that must be a finite number."""
        value = self.optional_number(column)
        return self.refuse(column, "a number") if value is None else value

    def optional_integer(self, column: str | None) -> int | None:
        """A whole number, None where the cell is empty or there is no such column."""
        written = self.trimmed(column)
        if column is None or written is None:
            return None
        with suppress(ValueError):
            return int(written)
        value = finite(written)
        if value is None or not value.is_integer():
            self.refuse(column, "a whole number")
        return int(value)

    def optional_number(self, column: str | None) -> float | None:
        """A finite number, None where the cell is empty or there is no such column."""
        written = self.trimmed(column)
        if column is None or written is None:
            return None
        value = finite(written)
        return self.refuse(column, "a number") if value is None else value

    def is_text(self, column: str) -> bool:
        """Whether a cell is a text, not a list."""
        return isinstance(self.values[self.header.places[column]], str)

    def words(self, column: str) -> tuple[str, ...]:
        """The items of a list, or the words of a text, which are separated by blanks."""
        cell = self.values[self.header.places[column]]
        return cell if isinstance(cell, tuple) else tuple(self._text(column).split())

    def mapped(
        self, column: str | None, names: Mapping[str, str] | None, setting: str
    ) -> str | None:
        """A cell translated by `names` (empty: None); unchanged where there are no `names`."""
        written = self.trimmed(column)
        if written is None or names is None:
            return written
        if written not in names:
            raise ProjectError(
                f"{self.where}: {column} is {written!r}, which '{setting}' does not name; it names "
                f"{quoted(names)}.{did_you_mean(written, names)}"
            )
        return names[written] or None

    def refuse(self, column: str, kind: str) -> NoReturn:
        """Raise ProjectError that says what a cell must be."""
        cell = self.values[self.header.places[column]]
        written = cell.written if isinstance(cell, Nested) else repr(cell)
        raise ProjectError(f"{self.where}: {column} is {written}; it must be {kind}")

    def _text(self, column: str) -> str:
        cell = self.values[self.header.places[column]]
        return cell if isinstance(cell, str) else self._text_of_list(column, cell)

    def _text_of_list(self, column: str, cell: Cell) -> str:
        return self.refuse(column, "a text or a number") if cell else ""


def finite(written: str) -> float | None:
    """A text as a number; None where it is not one, or not finite."""
    try:
        value = float(written)
    except ValueError:
        return None
    return value if math.isfinite(value) else None
