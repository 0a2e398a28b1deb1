"""Folds from a file: a column of the table that `corpora.<name>.folds` names."""

from collections.abc import Sequence

from features.errors import ProjectError, did_you_mean, quoted
from features.manifest import Label
from train.folds.fold import Fold, fold_for_each

SPEAKER_DISJOINT = True


def folds(labels: Sequence[Label], *, column: str) -> list[Fold]:
    """A fold for every value of the column, tested where an utterance has that value."""
    columns = sorted({name for label in labels for name in label.folds})
    if column not in columns:
        raise ProjectError(
            f"the corpus has no column of folds {column!r}; its columns are {quoted(columns)}."
            f"{did_you_mean(column, columns)} Set 'folds: TABLE' under the corpus in params.yaml, "
            "the path of the table relative to the corpus root"
        )
    without = [label.id for label in labels if column not in label.folds]
    if without:
        raise ProjectError(
            f"the column of folds {column!r} has no value for {len(without)} utterances (the first "
            f"is {without[0]!r}); each must be in one fold"
        )
    return fold_for_each(labels, [label.folds[column] for label in labels])
