"""The splits that the corpus itself defines.

Where it has no dev set, one is drawn from the training split.
"""

from collections.abc import Sequence

from features.errors import ProjectError
from features.manifest import Label
from train.folds.fold import Fold

SPEAKER_DISJOINT = False


def folds(labels: Sequence[Label]) -> list[Fold]:
    """One fold, by the labels' splits; ProjectError where an utterance has none."""
    without = [label.id for label in labels if label.split is None]
    if without:
        raise ProjectError(
            f"the corpus defines no split for {len(without)} of {len(labels)} utterances (the "
            f"first is {without[0]!r}), so the protocol cannot be 'official'; choose another one, "
            "such as protocol: {code: speaker-folds}"
        )
    test = frozenset(label.id for label in labels if label.split == "test")
    dev = frozenset(label.id for label in labels if label.split == "dev")
    return [Fold("official", test, dev or None)]
