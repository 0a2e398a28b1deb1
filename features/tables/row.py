"""One row of a table; its cells are read by column, as what they must be."""

import math
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import NoReturn

from features.errors import ProjectError, did_you_mean, quoted
from features.tables.cells import Cell, Nested
from features.tables.characters import without_blanks


class Row:
    """The cells of a row by column, and where it is: ``line 3`` of a text, ``row 3`` of a sheet."""

    __slots__ = ("cells", "path", "place")

    def __init__(self, path: Path, place: str, cells: dict[str, Cell]) -> None:
        self.path, self.place, self.cells = path, place, cells

    @property
    def where(self) -> str:
        """The file and the line or row, for messages."""
        return f"{self.path}, {self.place}"

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

    def words(self, column: str) -> tuple[str, ...]:
        """The items of a list, or the words of a text, which are separated by blanks."""
        cell = self.cells[column]
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
        cell = self.cells[column]
        written = cell.written if isinstance(cell, Nested) else repr(cell)
        raise ProjectError(f"{self.where}: {column} is {written}; it must be {kind}")

    def _text(self, column: str) -> str:
        cell = self.cells[column]
        return cell if isinstance(cell, str) else self._text_of_list(column, cell)

    def _text_of_list(self, column: str, cell: Cell) -> str:
        return self.refuse(column, "a text or a number") if cell else ""


def finite(written: str) -> float | None:
    """The number that a text is; None where it is none, or not finite."""
    try:
        value = float(written)
    except ValueError:
        return None
    return value if math.isfinite(value) else None
