"""Rows of a user's own table: comma, semicolon or tab separated, or JSON Lines."""

import csv
import io
import json
import math
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from features.errors import ProjectError, did_you_mean, quoted

DELIMITERS = (",", ";", "\t")


@dataclass(frozen=True)
class Cells:
    """One row; its cells are read by column, None where the table has no such column."""

    path: Path
    line: int
    values: Mapping[str, str]

    @property
    def where(self) -> str:
        """File and line, for messages."""
        return f"{self.path}, line {self.line}"

    def text(self, column: str | None) -> str | None:
        """A cell without blanks around it, None where it is empty."""
        return (self.values[column].strip() or None) if column else None

    def number(self, column: str | None) -> float | None:
        """A cell that must be a finite number, None where it is empty."""
        written = self.text(column)
        if written is None:
            return None
        try:
            value = float(written)
        except ValueError:
            value = math.nan
        if not math.isfinite(value):
            raise ProjectError(f"{self.where}: {column} is {written!r}; it must be a number")
        return value

    def mapped(
        self, column: str | None, names: Mapping[str, str] | None, setting: str
    ) -> str | None:
        """A cell translated by `names` (empty: None); unchanged where there are no `names`."""
        written = self.text(column)
        if written is None or names is None:
            return written
        if written not in names:
            raise ProjectError(
                f"{self.where}: {column} is {written!r}, which '{setting}' does not name; it names "
                f"{quoted(names)}.{did_you_mean(written, names)}"
            )
        return names[written] or None


def read_own_table(path: Path) -> list[Cells]:
    """All rows of a table; ProjectError where it is missing, empty, or not a table in UTF-8."""
    try:
        text = path.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        tables = sorted(p.name for p in path.parent.glob("*") if p.suffix in (".csv", ".jsonl"))
        raise ProjectError(
            f"{path} does not exist; it must be the table of the corpus. The tables in its folder "
            f"are {quoted(tables)}.{did_you_mean(path.name, tables)}"
        ) from None
    except (UnicodeDecodeError, OSError) as error:
        raise ProjectError(f"{path} is not a table in UTF-8: {error}. Save it as UTF-8") from None
    rows = _json_rows(path, text) if path.suffix.lower() == ".jsonl" else _csv_rows(path, text)
    if not rows:
        raise ProjectError(f"{path} has no rows; it must have one for each utterance")
    return rows


def _csv_rows(path: Path, text: str) -> list[Cells]:
    header = text.split("\n", 1)[0]
    delimiter = max(DELIMITERS, key=header.count)
    reader = csv.DictReader(io.StringIO(text, newline=""), strict=True, delimiter=delimiter)
    rows = []
    repeated = [name for name, count in Counter(reader.fieldnames or ()).items() if count > 1]
    if repeated:
        raise ProjectError(
            f"{path} has several columns {repeated[0]!r}; give each a name of its own"
        )
    try:
        for cells in reader:
            if None in cells or None in cells.values():
                raise ProjectError(
                    f"{path}, line {reader.line_num}: it must have "
                    f"{len(reader.fieldnames or ())} cells, as the header has"
                )
            rows.append(Cells(path, reader.line_num, cells))
    except csv.Error as error:
        raise ProjectError(f"{path}, line {reader.line_num}: {error}") from None
    return rows


def _json_rows(path: Path, text: str) -> list[Cells]:
    rows: list[Cells] = []
    names: dict[str, None] = {}
    for number, line in enumerate(text.split("\n"), 1):
        if not line.strip():
            continue
        try:
            values = json.loads(line)
        except ValueError as error:
            raise ProjectError(f"{path}, line {number}: it is not JSON ({error})") from None
        if not isinstance(values, dict):
            raise ProjectError(f"{path}, line {number}: it must be one JSON object")
        cells = {k: "" if v is None else str(v) for k, v in values.items()}
        names.update(dict.fromkeys(cells))
        rows.append(Cells(path, number, cells))
    return [Cells(r.path, r.line, {name: r.values.get(name, "") for name in names}) for r in rows]
