"""Labels, splits and texts of all utterances as a CSV table beside the files of their tracks."""

import csv
from pathlib import Path
from typing import Any

from features.errors import ProjectError
from features.foreign.columns import read_label, written_column
from features.foreign.contract import Item
from features.foreign.outgoing import Outgoing
from features.tables.table import read_table


def write_labels(outgoing: Outgoing, path: Path) -> None:
    """A row for each utterance: id, everything that is known of it, why its track is missing."""
    columns = outgoing.columns
    written = {name: written_column(name, values) for name, values in columns.items()}
    with path.open("w", newline="", encoding="utf-8") as file:
        rows = csv.writer(file)
        rows.writerow(["id", *written, "reason"])
        for row, (name, reason) in enumerate(zip(outgoing.ids, outgoing.reasons, strict=True)):
            cells = [cell(written[column][row]) for column in written]
            rows.writerow([name, *cells, reason])


def cell(value: Any) -> str:
    """A value as text: a number in full, nothing where there is none."""
    if isinstance(value, float):
        return "" if value != value else repr(float(value)).removesuffix(".0")
    return str(value)


def labels_by_id(path: Path) -> dict[str, Item]:
    """The rows of such a table as items without tracks."""
    table = read_table(path, "the table of labels", lambda _: None, ("id",))
    items = {}
    for row in table.rows:
        name = row.text("id")
        values = {column: row.optional(column) for column in table.columns}
        label, text = read_label(values, row.where)
        if name in items:
            raise ProjectError(f"{row.where}: the id {name!r} occurs twice")
        items[name] = Item(name, {}, label, text, values.get("reason") or "absent")
    return items
