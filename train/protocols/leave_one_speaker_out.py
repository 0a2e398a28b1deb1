"""Each speaker is tested once, by a head that was trained on the others."""

from collections.abc import Sequence

from features.manifest import Label
from train.fold import Fold
from train.grouping import required

SPEAKER_DISJOINT = True


def folds(labels: Sequence[Label]) -> list[Fold]:
    """A fold per speaker, in the order of their names."""
    speakers = required(labels, "speaker")
    return [
        Fold(name, frozenset(x.id for x, y in zip(labels, speakers, strict=True) if y == name))
        for name in sorted(set(speakers))
    ]
