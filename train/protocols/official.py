"""The parts that the corpus itself names.

Where it has no dev part, one is drawn from the training part.
"""

from collections.abc import Sequence

from features.errors import ProjectError
from features.manifest import Label
from train.folds.fold import Fold

SPEAKER_DISJOINT = False


def folds(labels: Sequence[Label]) -> list[Fold]:
    """One fold, by the labels' splits; ProjectError where an utterance has none."""
    lost = [label.id for label in labels if label.split is None]
    if lost:
        raise ProjectError(
            f"the corpus names no part for {len(lost)} of {len(labels)} utterances (the first is "
            f"{lost[0]!r}), so the protocol cannot be 'official'; choose another one, such as "
            "protocol: {code: speaker-folds}"
        )
    test = frozenset(label.id for label in labels if label.split == "test")
    dev = frozenset(label.id for label in labels if label.split == "dev")
    return [Fold("official", test, dev or None)]
