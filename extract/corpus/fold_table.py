"""Folds from a table: its first column has ids of utterances, every other one their folds."""

from collections.abc import Sequence
from dataclasses import replace

from extract.corpus.reader import Note
from features.errors import ProjectError, did_you_mean
from features.manifest import Label
from features.specs.tracks import CorpusSpec
from features.tables.row import Row
from features.tables.table import read_table


def with_folds(spec: CorpusSpec, labels: Sequence[Label], note: Note) -> list[Label]:
    """The labels with the folds of the table that `corpora.<name>.folds` names, if any.

    Raises ProjectError for an id that the corpus does not have, and for one that occurs twice.
    """
    if spec.folds is None:
        return list(labels)
    table = read_table(
        spec.root / spec.folds, f"the table of folds of the corpus {spec.name!r}", note
    )
    ids = {label.id for label in labels}
    rows: dict[str, Row] = {}
    first, *columns = table.columns
    for row in table.rows:
        name = row.text(first)
        if name not in ids:
            raise ProjectError(
                f"{row.where}: {first} is {name!r}, an utterance that the corpus {spec.name!r} "
                f"does not have.{did_you_mean(name, ids)}"
            )
        if name in rows:
            raise ProjectError(
                f"{row.where}: {first} is {name!r} a second time, after {rows[name].place}; keep "
                "one of them"
            )
        rows[name] = row
    return [
        replace(label, folds={column: rows[label.id].text(column) for column in columns})
        if label.id in rows
        else label
        for label in labels
    ]
