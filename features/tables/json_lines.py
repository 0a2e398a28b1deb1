"""Tables in JSON Lines: one object in each line.

Read without pandas, whose reader guesses types (it takes ``"01"`` for 1 and texts for dates) and
does not say in which line an error is.
"""

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from features.errors import ProjectError
from features.tables.cells import Cell, cell_of
from features.tables.grid import Grid


def read_json_lines(path: Path, text: str) -> Grid:
    """A row for each line, under the names of all columns; a column that a line lacks is empty.

    Raises ProjectError for a line that is not one object, or names a column twice.
    """
    objects: list[dict[str, Cell]] = []
    numbers: list[int] = []
    blank: list[int] = []
    for number, line in enumerate(text.rstrip().split("\n"), 1):
        if line.strip():
            objects.append(_cells(line, f"{path}, line {number}"))
            numbers.append(number)
        else:
            blank.append(number)
    names = list(dict.fromkeys(name for cells in objects for name in cells))
    header: list[Cell] = [*names]
    rows = [header, *([cells.get(name, "") for name in names] for cells in objects)]
    return Grid(rows, [1, *numbers], blank, [])


def _cells(line: str, where: str) -> dict[str, Cell]:
    try:
        values = json.loads(line, object_pairs_hook=_without_repeats, parse_constant=str)
        return {name.strip(): cell_of(value) for name, value in values.items()}
    except RecursionError:
        raise ProjectError(f"{where}: it is nested too deeply; it must be a flat object") from None
    except AttributeError:
        raise ProjectError(f"{where}: it must be one JSON object") from None
    except ValueError as error:
        raise ProjectError(f"{where}: it is not JSON ({error}); each line is one object") from None


def _without_repeats(pairs: Iterable[tuple[str, Any]]) -> dict[str, Any]:
    values: dict[str, Any] = {}
    for name, value in pairs:
        if name in values:
            raise ValueError(f"it names {name!r} twice")
        values[name] = value
    return values
