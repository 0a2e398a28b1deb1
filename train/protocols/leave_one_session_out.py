"""Each session is tested once, by a head that was trained on the others.

The usual protocol of IEMOCAP, whose five sessions have two actors each.
"""

from collections.abc import Sequence

from features.manifest import Label
from train.fold import Fold
from train.grouping import required

SPEAKER_DISJOINT = True


def folds(labels: Sequence[Label]) -> list[Fold]:
    """A fold per session, in the order of their names."""
    sessions = required(labels, "session")
    return [
        Fold(name, frozenset(x.id for x, y in zip(labels, sessions, strict=True) if y == name))
        for name in sorted(set(sessions))
    ]
