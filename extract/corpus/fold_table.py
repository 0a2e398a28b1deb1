"""Folds from a table: its first column has ids of utterances, every other one their folds."""

from collections.abc import Sequence
from dataclasses import replace

from extract.corpus.tables import read_table
from features.errors import ProjectError, did_you_mean
from features.manifest import Label
from features.specs.tracks import CorpusSpec


def with_folds(spec: CorpusSpec, labels: Sequence[Label]) -> list[Label]:
    """The labels with the folds of the table that `corpora.<name>.folds` names, if any.

    Raises ProjectError for an id that the corpus does not have, and for one that occurs twice.
    """
    if spec.folds is None:
        return list(labels)
    path = spec.root / spec.folds
    ids = {label.id for label in labels}
    folds: dict[str, dict[str, str]] = {}
    for row in read_table(path, (), f"the table of folds of the corpus {spec.name!r}"):
        first, *columns = row.cells
        name = row.text(first)
        if name not in ids:
            raise ProjectError(
                f"{path}, line {row.line}: {first} is {name!r}, an utterance that the corpus "
                f"{spec.name!r} does not have.{did_you_mean(name, ids)}"
            )
        if name in folds:
            raise ProjectError(
                f"{path}, line {row.line}: {first} is {name!r} a second time; keep one of the lines"
            )
        folds[name] = {column: row.text(column) for column in columns}
    return [replace(label, folds=folds.get(label.id, {})) for label in labels]
