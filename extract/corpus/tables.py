"""Tables of comma-separated values; errors name file, line and column."""

import csv
import math
from collections.abc import Iterator, Sequence
from pathlib import Path

from features.errors import ProjectError, quoted


class Row:
    """One line of a table; its cells are read by column, as what they must be."""

    def __init__(self, path: Path, line: int, cells: dict[str, str]) -> None:
        self.path, self.line, self.cells = path, line, cells

    def text(self, column: str) -> str:
        """A cell that must not be empty."""
        return self.cells[column] or self._refuse(column, "a text")

    def optional(self, column: str) -> str | None:
        """A cell, or None where it is empty."""
        return self.cells[column] or None

    def integer(self, column: str) -> int:
        """A cell that must be a whole number."""
        try:
            return int(self.cells[column])
        except ValueError:
            self._refuse(column, "a whole number")
            raise

    def number(self, column: str) -> float:
        """A cell that must be a finite number."""
        try:
            value = float(self.cells[column])
        except ValueError:
            value = math.nan
        if not math.isfinite(value):
            self._refuse(column, "a number")
        return value

    def _refuse(self, column: str, kind: str) -> str:
        raise ProjectError(
            f"{self.path}, line {self.line}: {column} is {self.cells[column]!r}; it must be {kind}"
        )


def read_table(
    path: Path, columns: Sequence[str], description: str, delimiter: str = ","
) -> Iterator[Row]:
    """The rows of a UTF-8 table with a header that has at least the `columns`.

    `description` says in messages what the table is. Raises ProjectError for a missing table or
    column, a row of another width, and text that is not UTF-8.
    """
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            reader = csv.DictReader(file, strict=True, delimiter=delimiter)
            header = reader.fieldnames or ()
            if missing := [name for name in columns if name not in header]:
                raise ProjectError(
                    f"{path} lacks the columns {quoted(missing)} of {description}; it has "
                    f"{quoted(header)}"
                )
            for cells in reader:
                if None in cells or None in cells.values():
                    raise ProjectError(
                        f"{path}, line {reader.line_num}: it must have {len(header)} cells, as the "
                        "header has"
                    )
                yield Row(path, reader.line_num, cells)
    except (FileNotFoundError, IsADirectoryError):
        raise ProjectError(f"{path} is not a file; it must be {description}") from None
    except (UnicodeDecodeError, csv.Error) as error:
        raise ProjectError(f"{path} is not a table in UTF-8: {error}. Save it as UTF-8") from None
