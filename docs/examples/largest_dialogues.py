"""The largest dialogues are tested, each once, by a head that was trained on all others."""

from collections.abc import Sequence

from features.manifest import Label
from train.folds.fold import Fold
from train.folds.grouping import dialogue_groups

SPEAKER_DISJOINT = False
RANGES = {"num_folds": (1, 1000)}


def folds(labels: Sequence[Label], *, num_folds: int = 3) -> list[Fold]:
    """A fold per dialogue, the largest first; equal sizes in the order of their names."""
    groups = dialogue_groups(labels)
    order = sorted(groups, key=lambda name: (-len(groups[name]), name))
    return [Fold(name, frozenset(groups[name])) for name in order[:num_folds]]
