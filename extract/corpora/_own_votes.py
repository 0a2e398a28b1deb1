"""Annotators' votes in a user's own table: a column for each class, or one of all labels."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace

from extract.corpora._votes import counted, majority
from features.errors import ProjectError, did_you_mean, quoted
from features.manifest import Label
from features.tables.row import Row
from features.tables.table import Table

# Separators between the labels of several annotators in one cell.
BETWEEN = re.compile(r"[;,|]")


def check_vote_columns(table: Table, votes: Mapping[str, str] | str | None) -> None:
    """Raise ProjectError for a column that the table does not have."""
    columns = [votes] if isinstance(votes, str) else (votes or {}).values()
    for column in columns:
        if column not in table.columns:
            raise ProjectError(
                f"{table.path} has no column {column!r}, which 'votes' names; it has "
                f"{quoted(table.columns)}.{did_you_mean(column, table.columns)}"
            )


def with_votes(
    label: Label,
    row: Row,
    votes: Mapping[str, str] | str,
    emotions: Mapping[str, str] | None,
    by_majority: bool,
) -> Label:
    """A label with the votes of its row; `by_majority`: its emotion is what most of them say.

    `emotions` translates the labels of a single column, as it does those of emotions.
    """
    if isinstance(votes, str):
        own = counted(_labels(row, votes, emotions))
    else:
        own = {name: _count(row, column) for name, column in votes.items()}
        own = own if any(own.values()) else None
    emotion = majority(own) if by_majority else label.emotion
    return replace(label, emotion_votes=own, emotion=emotion)


def _labels(row: Row, column: str, emotions: Mapping[str, str] | None) -> list[str]:
    labels = [name for name in map(str.strip, _written(row, column)) if name]
    if emotions is None:
        return labels
    for name in labels:
        if name not in emotions:
            raise ProjectError(
                f"{row.where}: {column} has the label {name!r}, which 'emotions' does not name; it "
                f"names {quoted(emotions)}.{did_you_mean(name, emotions)}"
            )
    return [emotions[name] for name in labels if emotions[name]]


def _written(row: Row, column: str) -> Sequence[str]:
    """The items of a list, or of a text split at its separators, or at spaces if it has none."""
    words = row.words(column)
    text = row.trimmed(column) if row.is_text(column) else None
    return words if text is None or not BETWEEN.search(text) else BETWEEN.split(text)


def _count(row: Row, column: str) -> float:
    count = row.optional_number(column) or 0.0
    if count < 0:
        row.refuse(column, "a number of votes, 0 or more")
    return count
