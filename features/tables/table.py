"""Reads a table of any format; its errors name the file, the line or row, and the column."""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from features.errors import ProjectError, did_you_mean, quoted
from features.tables.cells import Cell
from features.tables.characters import without_blanks
from features.tables.delimited import Delimited
from features.tables.encodings import read_text
from features.tables.grid import Grid
from features.tables.json_lines import read_json_lines
from features.tables.row import Header, Row
from features.tables.separators import layout_of
from features.tables.spreadsheets import READERS, read_spreadsheet

JSON_LINES = (".jsonl", ".ndjson", ".json")
TEXTS = (".csv", ".tsv", ".tab", ".txt")
# Spreadsheets that are not read.
OTHERS = (".xls", ".xlsb", ".numbers", ".odf", ".odt", ".gsheet")


@dataclass(frozen=True)
class Table:
    """The names of the columns, and the rows that are not blank."""

    path: Path
    columns: tuple[str, ...]
    rows: list[Row]


def read_table(
    path: Path, description: str, note: Callable[[str], None], columns: Sequence[str] = ()
) -> Table:
    """A table whose header has at least the `columns`.

    The file extension decides the format: delimited text (.csv, .tsv, .txt), a spreadsheet (.xlsx,
    .ods), or JSON Lines (.jsonl). Every cell is text, or a list where JSON has one, and only an
    empty cell is a missing value. Columns and rows without anything in them are left out; a column
    without a name is called ``column 3``. `description` says in messages what the table is; `note`
    is called with what is doubtful. Raises ProjectError for a missing table or column, two columns
    with the same name, and anything else that cannot be read as a table.
    """
    if not path.is_file():
        raise _missing(path, description)
    grid, unit = read_grid(path)
    for line in grid.notes:
        note(line)
    if not grid.rows:
        raise ProjectError(f"{path} is empty; it must be {description}")
    names = _names(path, grid.rows)
    if missing := [name for name in columns if name not in names.values()]:
        raise ProjectError(
            f"{path} lacks the columns {quoted(missing)} of {description}; it has "
            f"{quoted(names.values())}"
        )
    header = Header(path, unit, {name: place for place, name in names.items()})
    rows, blank = list[Row](), list(grid.blank)
    for cells, number in zip(grid.rows[1:], grid.numbers[1:], strict=True):
        if any(without_blanks(cell) if isinstance(cell, str) else cell for cell in cells):
            rows.append(Row(header, number, cells))
        else:
            blank.append(number)
    if blank:
        note(
            f"{path.name}: {len(blank)} rows are blank and left out, the first is {unit} "
            f"{min(blank)}"
        )
    return Table(path, tuple(names.values()), rows)


def read_grid(path: Path) -> tuple[Grid, str]:
    """The cells of a table of any format, and what its rows are counted in: lines or rows."""
    suffix = path.suffix.lower()
    if suffix in OTHERS:
        raise ProjectError(f"{path} cannot be read; save it as .xlsx, .ods or .csv (UTF-8)")
    if suffix in READERS:
        grid, unit = read_spreadsheet(path), "row"
        _check_characters(path, unit, grid)
        return grid, unit
    text, notes = read_text(path)
    if suffix in JSON_LINES:
        grid = read_json_lines(path, text)
        _check_characters(path, "line", grid)
    else:
        delimited = _delimited(path, text)
        head = delimited.head()
        grid = delimited.rows(len(head)) if head else Grid([], [], [], [])
    return grid._replace(notes=notes + grid.notes), "line"


def delimited_of(path: Path) -> Delimited | None:
    """A table as delimited text; None where it is a spreadsheet or JSON."""
    suffix = path.suffix.lower()
    if suffix in (*OTHERS, *READERS, *JSON_LINES):
        return None
    text, _ = read_text(path)
    return _delimited(path, text)


def _delimited(path: Path, text: str) -> Delimited:
    return Delimited(path, text.rstrip("\r\n"), layout_of(text, path.suffix))


def _names(path: Path, rows: Sequence[Sequence[Cell]]) -> dict[int, str]:
    """The name of each column by its place, without columns that hold nothing."""
    names = {place: str(cell).strip() for place, cell in enumerate(rows[0])}
    for place, name in list(names.items()):
        if not name and any(row[place] for row in rows[1:]):
            names[place] = f"column {place + 1}"
    names = {place: name for place, name in names.items() if name}
    repeated = [name for name, count in Counter(names.values()).items() if count > 1]
    if repeated:
        raise ProjectError(
            f"{path} has several columns {repeated[0]!r}; give each a name of its own"
        )
    return names


def _check_characters(path: Path, unit: str, grid: Grid) -> None:
    """Refuse characters that formats with escapes can hold, and that no text has."""
    for row, number in zip(grid.rows, grid.numbers, strict=True):
        for cell in row:
            text = (
                cell if isinstance(cell, str) else " ".join(cell) if isinstance(cell, tuple) else ""
            )
            if "\0" in text or not _is_whole(text):
                raise ProjectError(
                    f"{path}, {unit} {number}: {text[:60]!r} has a NUL character or half of one "
                    "(a lone surrogate), which text cannot contain; retype the cell"
                )


def _is_whole(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _missing(path: Path, description: str) -> ProjectError:
    suffixes = (*TEXTS, *JSON_LINES, *READERS)
    tables = sorted(p.name for p in path.parent.glob("*") if p.suffix.lower() in suffixes)
    return ProjectError(
        f"{path} is not a file; it must be {description}. The tables in its folder are "
        f"{quoted(tables)}.{did_you_mean(path.name, tables)}"
    )
