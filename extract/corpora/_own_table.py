"""Rows of a user's own table: their files, gaps in their columns, and ids that occur twice."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path

from features.errors import ProjectError, quoted, raise_all
from features.manifest import Utterance
from features.tables.row import Row
from features.tables.table import Table

# Fields whose empty cells are reported, with the first row. Labels are counted elsewhere.
OFTEN_PARTIAL = (
    *("id", "text", "audio", "video", "audio_channel", "start_s", "end_s"),
    *("speaker", "session", "dialogue"),
)
BACKSLASH = "\\"


def path_of(root: Path, written: str | None) -> str | None:
    """A path relative to the root, even if the table has an absolute one that lies inside it.

    Backslashes are read as slashes unless there is a file of exactly the written name.
    """
    if written is None:
        return None
    if BACKSLASH in written and not (root / written).exists():
        written = written.replace(BACKSLASH, "/")
    file = Path(written)
    if file.is_absolute() and file.is_relative_to(root.resolve()):
        return file.relative_to(root.resolve()).as_posix()
    return file.as_posix()


def doubts(root: Path, table: Table, columns: Mapping[str, str]) -> list[str]:
    """A line for each column that is empty in some rows, and one for paths with backslashes."""
    lines = []
    for field in OFTEN_PARTIAL:
        column = columns.get(field)
        empty = [row for row in table.rows if column and row.trimmed(column) is None]
        if column and 0 < len(empty) < len(table.rows):
            lines.append(
                f"{field}: column {column!r} is empty in {len(empty)} of {len(table.rows)} rows; "
                f"the first is {empty[0].place}"
            )
    paths = [
        (row, written)
        for row in table.rows
        for field in ("audio", "video")
        if (written := row.trimmed(columns.get(field))) and BACKSLASH in written
    ]
    turned = [row for row, written in paths if BACKSLASH not in str(path_of(root, written))]
    if turned:
        lines.append(
            f"{len(turned)} paths have backslashes, which are read as slashes; the first is "
            f"{turned[0].place}"
        )
    return lines


def refuse_equal_ids(
    table: Table, columns: Mapping[str, str], utterances: Sequence[Utterance]
) -> None:
    """Raise ProjectError if two rows have the same id, naming both and where their ids are from."""
    places: dict[str, int] = {}
    clashes = []
    for place, utterance in enumerate(utterances):
        first = places.setdefault(utterance.id, place)
        if first != place:
            clashes.append((first, place))
    if not clashes:
        return
    first, second = clashes[0]
    row, name = table.rows[second], utterances[second].id
    more = f" {len(clashes) - 1} more rows repeat an earlier id." if clashes[1:] else ""
    if columns.get("id"):
        fault = f"{columns['id']} is {name!r}, as in {table.rows[first].place}; ids must be unique"
    else:
        files = [utterances[n].audio or utterances[n].video for n in (first, second)]
        fault = (
            f"its id is {name!r}, from {files[1]!r}, the same as that of "
            f"{table.rows[first].place}, from {files[0]!r}; name the column of ids, columns: "
            f'{{id: COLUMN}}, or join columns into ids, columns: {{id: "{{COLUMN}}-{{COLUMN}}"}} '
            f"(the columns are {quoted(table.columns)})"
        )
    raise ProjectError(f"{row.where}: {fault}.{more}")


def refuse_half_numbered(table: Table, columns: Mapping[str, str]) -> None:
    """Raise ProjectError with the rows that lack a turn where others of their dialogue have one."""
    dialogue, turn = columns.get("dialogue"), columns.get("turn")
    numbered: dict[str, Row] = {}
    unnumbered: dict[str, list[Row]] = defaultdict(list)
    for row in table.rows if dialogue and turn else ():
        name = row.trimmed(dialogue)
        if name is not None and row.trimmed(turn) is None:
            unnumbered[name].append(row)
        elif name is not None:
            numbered.setdefault(name, row)
    problems = [
        f"{row.where}: {turn} is empty, but other turns of the dialogue {name!r} have numbers "
        f"({numbered[name].place}); number all of its turns, or none to use the order of the rows"
        for name, rows in unnumbered.items()
        for row in rows
        if name in numbered
    ]
    raise_all(problems, str(table.path))
