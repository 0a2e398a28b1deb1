"""The first sheet of a spreadsheet: Excel's (.xlsx) and LibreOffice's (.ods)."""

import warnings
from pathlib import Path
from typing import Any

import numpy as np

from features.errors import ProjectError, quoted
from features.extras import require_extra
from features.tables.cells import Cell, cell_of
from features.tables.grid import Grid

# By file extension: the reader in pandas, the module that it needs, and that module's package.
READERS = {
    ".xlsx": ("openpyxl", "openpyxl", "openpyxl"),
    ".xlsm": ("openpyxl", "openpyxl", "openpyxl"),
    ".ods": ("odf", "odf", "odfpy"),
}


def read_spreadsheet(path: Path) -> Grid:
    """Every row by its number in the sheet, and a note where there are other sheets.

    Raises ProjectError where the package that reads it is missing, and for a damaged file.
    """
    engine, module, package = READERS[path.suffix.lower()]
    require_extra(f"the spreadsheet {path}", module, package)
    try:
        sheets, frame = _first_sheet(path, engine)
    except Exception as error:  # for damaged files the parsers raise any error
        reason = f"{type(error).__name__}: {error}".split("\n")[0]
        raise ProjectError(
            f"{path} cannot be read as a spreadsheet ({reason}); save it again, or as CSV in UTF-8"
        ) from None
    notes = []
    if len(sheets) > 1:
        notes.append(
            f"{path.name}: only the first of its sheets {quoted(sheets)} is read, {sheets[0]!r}"
        )
    filled = (frame.to_numpy(object) != "").any(axis=1)
    numbers = np.arange(1, len(frame) + 1)
    columns = [map(cell_of, frame[column][filled].tolist()) for column in frame]
    rows: list[list[Cell]] = [list(row) for row in zip(*columns, strict=True)]
    return Grid(rows, numbers[filled].tolist(), numbers[~filled].tolist(), notes)


def _first_sheet(path: Path, engine: str) -> tuple[list[str], Any]:
    import pandas

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # on styles and checks of input that are not read
        with pandas.ExcelFile(path, engine=engine) as book:
            names = [str(name) for name in book.sheet_names]
            frame = book.parse(0, header=None, dtype=object, na_filter=False)
    return names, frame
