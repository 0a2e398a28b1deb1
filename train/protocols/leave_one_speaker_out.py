"""Each speaker is tested once, by a head that was trained on the others."""

from collections.abc import Sequence

from features.manifest import Label
from train.folds.fold import Fold, fold_for_each
from train.folds.grouping import required

SPEAKER_DISJOINT = True


def folds(labels: Sequence[Label]) -> list[Fold]:
    """A fold per speaker."""
    return fold_for_each(labels, required(labels, "speaker"))
