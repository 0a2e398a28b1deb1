"""Comma-separated files of a run: names that a spreadsheet would compute are written as text."""

import csv
import io
from collections.abc import Mapping, Sequence
from typing import Any

# A spreadsheet takes a cell that begins with one of these for a formula.
FORMULA = ("=", "+", "-", "@", "\t", "\r")


def csv_table(rows: Sequence[Mapping[str, Any]], columns: Sequence[str] | None = None) -> bytes:
    """Rows of the same columns as comma-separated values with a header.

    A text that a spreadsheet would take for a formula gets an apostrophe in front, which
    spreadsheets do not show and `csv_rows` removes.
    """
    text = io.StringIO()
    writer = csv.DictWriter(text, list(columns or rows[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows([{name: _written(value) for name, value in row.items()} for row in rows])
    return text.getvalue().encode()


def csv_rows(content: bytes) -> list[dict[str, str]]:
    """The rows that `csv_table` wrote."""
    rows = csv.DictReader(io.StringIO(content.decode(), newline=""))
    return [{name: _read(cell) for name, cell in row.items()} for row in rows]


def _written(value: Any) -> Any:
    is_formula = isinstance(value, str) and value.lstrip("'").startswith(FORMULA)
    return f"'{value}" if is_formula else value


def _read(cell: str) -> str:
    bare = cell.lstrip("'")
    return cell[1:] if bare != cell and bare.startswith(FORMULA) else cell
