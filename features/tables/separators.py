"""What separates the cells of a text, and whether quotation marks enclose cells."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice

from features.tables.encodings import LINE_BREAK

SEPARATORS = (",", ";", "\t")
TAB = "\t"
# A cell in quotation marks, which may hold separators and line breaks; the last may have no end.
QUOTED = re.compile(r'(?<![^,;\r\n])"(?:[^"]|"")*(?:"|\Z)')
# The first line of some spreadsheets' tables, which is no row.
STATED = re.compile(r'"?sep=(.)"?[ \t]*(?:\r\n|\r|\n|\Z)')
BLANK = re.compile(r"(?:[ \t,;]*(?:\r\n|\r|\n))*")
NUM_LINES = 64
NUM_ROWS = 20


@dataclass(frozen=True)
class Layout:
    """How cells are separated, and where the rows begin: after `start` characters, `num_before`
    lines. Quotation marks enclose cells, but not where tabs separate them."""

    separator: str
    start: int = 0
    num_before: int = 0

    @property
    def quoted(self) -> bool:
        """Whether quotation marks enclose cells."""
        return self.separator != TAB


def layout_of(text: str, suffix: str) -> Layout:
    """The layout of a text; files that end in ``.tsv`` or ``.tab`` are tab separated.

    A first line ``sep=;`` states the separator. Otherwise it is the one that gives the first rows
    the same number of cells, more than one; if none does, the one that occurs most often in the
    first row. Blank lines before the first row are skipped.
    """
    stated = STATED.match(text)
    blank = BLANK.match(text, stated.end() if stated else 0)
    assert blank is not None
    start = blank.end()
    num_before = len(LINE_BREAK.findall(text, 0, start))
    if stated:
        return Layout(stated[1], start, num_before)
    if suffix.lower() in (".tsv", ".tab"):
        return Layout(TAB, start, num_before)
    return Layout(_separator(*_head(text[start:])), start, num_before)


def _separator(head: str, is_whole: bool) -> str:
    unquoted = QUOTED.sub("", head)
    counts = {
        separator: _num_cells(head if separator == TAB else unquoted, separator, is_whole)
        for separator in SEPARATORS
    }
    equal = [separator for separator in SEPARATORS if len(set(counts[separator])) == 1]
    candidates = [separator for separator in equal if counts[separator][0] > 1] or SEPARATORS
    return max(candidates, key=lambda separator: (counts[separator] or [0])[0])


def _head(text: str) -> tuple[str, bool]:
    """The first lines of a text, and whether they are all of it."""
    break_ = next(islice(LINE_BREAK.finditer(text), NUM_LINES - 1, None), None)
    return (text, True) if break_ is None else (text[: break_.start()], False)


def _num_cells(head: str, separator: str, is_whole: bool) -> Sequence[int]:
    """How many cells each of the first rows has; the last of a head that was cut does not count."""
    lines = [line for line in LINE_BREAK.split(head) if line.strip(" \t,;")]
    lines = lines if is_whole or len(lines) < 2 else lines[:-1]
    return [1 + line.count(separator) for line in lines[:NUM_ROWS]]
