"""The cells of a table, whatever its format, and where each row is."""

from collections.abc import Sequence
from typing import NamedTuple

from features.tables.cells import Cell


class Grid(NamedTuple):
    """The rows of a table, its header first, by number as a person counts them (from 1).

    `blank` are the numbers of rows whose cells are all empty, which `rows` leaves out. `notes`
    point out what is doubtful.
    """

    rows: list[list[Cell]]
    numbers: list[int]
    blank: Sequence[int]
    notes: list[str]
