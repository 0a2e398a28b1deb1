"""Text whose cells are separated by commas, semicolons or tabs."""

import csv
import io
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from features.errors import ProjectError
from features.tables.cells import Cell
from features.tables.encodings import LINE_BREAK
from features.tables.grid import Grid
from features.tables.separators import Layout

LONG_ROW = re.compile(r"Expected \d+ fields in line (\d+), saw")
OPEN_QUOTE = re.compile(r"EOF inside string starting at row (\d+)")
Lines = NDArray[np.int64]
NOT_A_NUMBER = ["nan", "NaN", "NAN", "-nan"]


@dataclass(frozen=True)
class Delimited:
    """A text whose cells are separated as the layout says."""

    path: Path
    text: str
    layout: Layout

    def head(self) -> list[str]:
        """The cells of the first row; none where there is no row."""
        rows = self._parse(header=None, dtype=str, na_filter=False, nrows=1).values.tolist()
        return list(rows[0]) if rows else []

    def first_rows(self, width: int, count: int) -> list[list[str]]:
        """The cells of the first `count` rows, or of as many as there are; see `rows`."""
        return [list(row) for row in self._text_frame(width, count).values.tolist()]

    def rows(self, width: int) -> Grid:
        """Every row by the line that it begins in.

        Raises ProjectError for a row that does not have `width` cells, and for stray quotation
        marks inside a quoted cell.
        """
        frame = self._text_frame(width)
        filled = (frame.to_numpy(object) != "").any(axis=1)
        places = np.flatnonzero(filled)
        columns = [frame[column].iloc[places].tolist() for column in frame]
        cells: list[list[Cell]] = [list(row) for row in zip(*columns, strict=True)]
        firsts, lasts = self._lines(len(frame), places, cells)
        breaks = self._breaks()
        quotes = '"' in self.text
        for row, place in zip(cells, places.tolist(), strict=True):
            if row[-1] and not quotes:
                continue
            first, last = int(firsts[place]), int(lasts[place])
            raw = LINE_BREAK.sub("\n", self.text[breaks[first, 1] : breaks[last + 1, 0]])
            if not row[-1] or '"' in raw:
                self._check(row, raw, first)
        numbers = firsts + self.layout.num_before + 1
        return Grid(cells, numbers[filled].tolist(), numbers[~filled].tolist(), self._notes(cells))

    def numbers(
        self, width: int, num_skipped: int, columns: Sequence[int]
    ) -> NDArray[np.float64] | None:
        """Some columns of the rows after the first `num_skipped`, as numbers `(N, D)`.

        None where a cell is not a number or a row has another width; `rows` shows which.
        """
        try:
            frame = self._parse(
                header=None, names=range(width), usecols=columns, skiprows=num_skipped,
                skipinitialspace=True, dtype=np.float64, na_values=NOT_A_NUMBER,
                keep_default_na=False,
            )  # fmt: skip
        except ValueError:
            return None
        num_separators = self.text.count(self.layout.separator, self.layout.start)
        if num_separators != (width - 1) * (len(frame) + num_skipped):
            return None
        values: NDArray[np.float64] = frame[list(columns)].to_numpy(np.float64)
        return values

    def texts(self, width: int, num_skipped: int, column: int) -> list[str]:
        """The cells of a column after the first `num_skipped`, without blanks around them."""
        frame = self._parse(
            header=None, names=range(width), usecols=[column], skiprows=num_skipped, dtype=str,
            na_filter=False,
        )  # fmt: skip
        return [cell.strip() for cell in frame[column].tolist()]

    def _parse(self, **settings: Any) -> Any:
        import pandas

        # Not as a text file, which would hold four bytes for each character.
        text = io.BytesIO(self.text[self.layout.start :].encode())
        quoting = csv.QUOTE_MINIMAL if self.layout.quoted else csv.QUOTE_NONE
        try:
            return pandas.read_csv(
                text, engine="c", sep=self.layout.separator, quoting=quoting, low_memory=False,
                **settings,
            )  # fmt: skip
        except pandas.errors.EmptyDataError:
            return pandas.DataFrame()

    def _text_frame(self, width: int, num_rows: int | None = None) -> Any:
        settings = {"header": None, "names": range(width), "dtype": str, "na_filter": False}
        try:
            return self._parse(**settings, skip_blank_lines=False, nrows=num_rows)
        except ValueError as error:
            raise self._refusal(width, str(error)) from None

    def _refusal(self, width: int, fault: str) -> ProjectError:
        """The error for a fault that the parser found, with the line that its row begins in."""
        long_row, open_quote = LONG_ROW.search(fault), OPEN_QUOTE.search(fault)
        if long_row is None and open_quote is None:
            return ProjectError(f"{self.path} is not a table: {fault}")
        num_rows = int(long_row[1]) - 1 if long_row else int((open_quote or [""])[1])
        frame = self._text_frame(width, num_rows)
        _, lasts = self._lines(num_rows, range(num_rows), frame.values.tolist())
        num_lines = int(lasts[-1]) + 1 if num_rows else 0
        where = f"{self.path}, line {self.layout.num_before + num_lines + 1}"
        if long_row:
            return _wrong_width(where, width)
        return ProjectError(
            f'{where}: a quotation mark opens a cell that never ends; remove it, or double it ("") '
            "within quotation marks"
        )

    def _lines(
        self, num_rows: int, places: Iterable[int], cells: Sequence[Sequence[Any]]
    ) -> tuple[Lines, Lines]:
        """The first and the last line of every row, from 0; `cells` are those of some rows."""
        num_breaks = np.zeros(num_rows, np.int64)
        if self.layout.quoted and '"' in self.text:
            for place, row in zip(places, cells, strict=True):
                broken = [cell for cell in row if "\n" in cell or "\r" in cell]
                num_breaks[place] = sum(len(LINE_BREAK.findall(cell)) for cell in broken)
        lasts = np.arange(num_rows) + np.cumsum(num_breaks)
        return lasts - num_breaks, lasts

    def _breaks(self) -> Lines:
        """Where each line break begins and ends `(lines + 1, 2)`, start and end of the text too."""
        matches = LINE_BREAK.finditer(self.text, self.layout.start)
        places = np.fromiter((place for match in matches for place in match.span()), np.int64)
        start, end = self.layout.start, len(self.text)
        return np.concatenate([[start, start], places, [end, end]]).reshape(-1, 2)

    def _notes(self, cells: Sequence[Sequence[Any]]) -> list[str]:
        """A note on cells in quotation marks where these are part of the text."""
        if self.layout.quoted or '"' not in self.text:
            return []
        num_enclosed = sum(len(c) > 1 and c[0] == c[-1] == '"' for row in cells for c in row)
        if not num_enclosed:
            return []
        note = (
            f"{self.path.name}: {num_enclosed} cells are in quotation marks; where tabs separate "
            "the cells, these are part of the text"
        )
        return [note]

    def _check(self, row: Sequence[Any], raw: str, first: int) -> None:
        """Refuse a row that was not written as it was read; the parser fills short ones up."""
        where = f"{self.path}, line {self.layout.num_before + 1 + first}"
        place, separator = 0, self.layout.separator
        if not self.layout.quoted or '"' not in raw:
            if raw.count(separator) != len(row) - 1:
                raise _wrong_width(where, len(row))
            return
        for number, cell in enumerate(row, 1):
            plain = LINE_BREAK.sub("\n", cell)
            enclosed = '"{}"'.format(plain.replace('"', '""'))
            place += len(enclosed if raw.startswith(enclosed, place) else plain)
            if place == len(raw) and number < len(row):
                raise _wrong_width(where, len(row))
            if raw[place : place + 1] not in (separator, ""):
                raise ProjectError(
                    f"{where}: the cell {cell!r} has text outside its quotation marks; double "
                    'those that belong to the text ("")'
                )
            place += 1


def _wrong_width(where: str, width: int) -> ProjectError:
    return ProjectError(f"{where}: it must have {width} cells, as the header does")
