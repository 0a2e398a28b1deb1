"""Labels and texts as columns of strings and numbers, as files of arrays and tables hold them."""

import json
import math
import re
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from features.errors import ProjectError
from features.foreign.contract import CLASSES, NUMBERS, PLACES
from features.foreign.outgoing import COLUMNS, STRUCTURED, Outgoing
from features.store.format import Array

ARRAYS = (*NUMBERS, "turn")
SPLIT_NAMES = {
    "train": "train",
    "training": "train",
    "trn": "train",
    "test": "test",
    "tst": "test",
    "dev": "dev",
    "val": "dev",
    "valid": "dev",
    "validation": "dev",
    "testing": "test",
}
WHOLE = re.compile(r"-?\d{1,9}(\.0*)?")


def written_column(name: str, values: Sequence[Any]) -> Array:
    """A column as an array: numbers as float64 with NaN for none, all else as text, "" for none."""
    if name in ARRAYS:
        return np.array([math.nan if value is None else float(value) for value in values])
    if name in STRUCTURED:
        values = [None if v is None or v == {} else json.dumps(v) for v in values]
    return np.array(["" if value is None else str(value) for value in values], dtype=object)


def placed_name(name: str) -> str:
    """Where a column is in a file of arrays: labels below ``labels``, all else beside the ids."""
    return name if name in (*PLACES, "text", "folds", "recording") else f"labels/{name}"


def json_object(text: str | bytes, where: str) -> dict[str, Any]:
    """A JSON object; empty where the text is another JSON value. ProjectError where it is none."""
    try:
        value = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise ProjectError(f"{where} is not JSON ({str(error)[:80]})") from None
    return value if isinstance(value, dict) else {}


def columns_by_place(outgoing: Outgoing) -> dict[str, Array]:
    """All columns that go out, by their place in a file of arrays."""
    return {
        placed_name(name): written_column(name, values) for name, values in outgoing.columns.items()
    }


def column_names() -> dict[str, str]:
    """The field of each place in a file of arrays."""
    return {placed_name(name): name for name in (*COLUMNS, "text")}


def read_value(name: str, value: Any, where: str) -> Any:
    """A value of a column as a field of Label has it; None where there is none.

    Raises ProjectError for one that the field cannot have.
    """
    if isinstance(value, np.generic):
        value = value.item()
    if value is None or value == "" or (isinstance(value, float) and math.isnan(value)):
        return None
    try:
        if name == "turn":
            if float(value) != int(float(value)):
                raise ValueError("not a whole number")
            return int(float(value))
        if name in NUMBERS:
            number = float(value)
            if not math.isfinite(number):
                raise ValueError("not finite")
            return number
        if name in STRUCTURED:
            structured = json.loads(value) if isinstance(value, str) else value
            return _structured(name, structured)
        if name == "split":
            return SPLIT_NAMES.get(str(value).lower(), str(value))
        # A class that is a number, however it is written, has no name.
        if name in CLASSES and WHOLE.fullmatch(str(value)):
            return int(float(value))
        return str(value)
    except (ValueError, TypeError, OverflowError, RecursionError) as error:
        raise ProjectError(f"{where}: {name} is {str(value)[:80]!r}, {error}") from None


def _structured(name: str, value: Any) -> Any:
    if name in ("folds", "emotion_votes"):
        of_folds = str if name == "folds" else int | float
        if isinstance(value, dict) and all(isinstance(each, of_folds) for each in value.values()):
            return value
    elif isinstance(value, list | tuple):
        of_list = str if name == "causes" else int
        if all(isinstance(each, of_list) for each in value):
            return tuple(value)
    raise ValueError("which is not valid for this field")


def read_label(values: Mapping[str, Any], where: str) -> tuple[dict[str, Any], str | None]:
    """The fields of Label among the values of one utterance, and its text."""
    label = {
        name: read
        for name in COLUMNS
        if name in values and (read := read_value(name, values[name], where)) is not None
    }
    return label, read_value("text", values.get("text"), where)
