"""What a cell holds: text, whatever type of value the file stores."""

import json
import math
from dataclasses import dataclass
from datetime import date, datetime, time
from typing import Any

# Whole numbers stored as floats are written with an exponent from here on.
MAX_WHOLE = 1e15


@dataclass(frozen=True)
class Nested:
    """A value that no column may hold: an object or a list of lists, as written in JSON."""

    written: str


# A tuple is a list of texts, as JSON has them.
Cell = str | tuple[str, ...] | Nested


def cell_of(value: Any) -> Cell:
    """A value of a spreadsheet or of JSON as a person reads it; nothing is the empty text.

    1.0 is ``1``, dates and times are written as in ISO 8601 (a date at midnight without the
    time), truth values are ``true`` and ``false``, a formula that failed is ``#N/A``.
    """
    if isinstance(value, list | tuple):
        cells = [cell_of(item) for item in value]
        texts = tuple(cell for cell in cells if isinstance(cell, str))
        return texts if len(texts) == len(cells) else _nested(value)
    return _nested(value) if isinstance(value, dict) else _text_of(value)


def _text_of(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        if math.isnan(value):
            return "#N/A"
        return str(int(value)) if value.is_integer() and abs(value) < MAX_WHOLE else repr(value)
    if isinstance(value, datetime) and value.time() == time():
        return value.date().isoformat()
    return value.isoformat() if isinstance(value, date | time) else str(value)


def _nested(value: Any) -> Nested:
    return Nested(json.dumps(value))
