"""Columns of numbers that are a scale, and not codes of classes."""

from features.tables.row import finite
from features.tables.table import Table

# More numbers than this are a scale: the largest sets of emotions have 28 classes.
MAX_CODES = 30
NUM_NAMED = 3


def scale_of(table: Table, column: str) -> str | None:
    """What shows that a column is a scale; None where its values may be classes.

    A scale has only numbers, some of which are not whole (-0.8), or more than 30 different ones.
    Codes such as 1, 2, 3 or -1, 0, 1 may be classes.
    """
    written = {value for row in table.rows if (value := row.trimmed(column)) is not None}
    numbers = {value: finite(value) for value in written}
    if not numbers or None in numbers.values():
        return None
    fractions = [value for value, number in numbers.items() if not (number or 0.0).is_integer()]
    if fractions:
        named = ", ".join(sorted(fractions, key=float)[:NUM_NAMED])
        return f"it has numbers such as {named}"
    return f"it has {len(numbers)} different numbers" if len(numbers) > MAX_CODES else None
