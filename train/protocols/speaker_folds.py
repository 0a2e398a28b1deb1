"""Folds of about equal size whose test speakers are in no other split."""

from collections.abc import Sequence

from features.errors import ProjectError
from features.manifest import Label
from train.folds.fold import Fold
from train.folds.grouping import in_random_order, required, speaker_groups

SPEAKER_DISJOINT = True
RANGES = {"num_folds": (2, 1000)}


def folds(labels: Sequence[Label], *, num_folds: int = 5, seed: int = 0) -> list[Fold]:
    """Speakers who talk to each other stay together; larger groups are distributed first.

    Raises ProjectError where there are fewer groups than folds.
    """
    required(labels, "speaker")
    groups = speaker_groups(labels)
    if len(groups) < num_folds:
        raise ProjectError(
            f"num_folds is {num_folds}, but the corpus has {len(groups)} groups of speakers who "
            "share no dialogue; a fold needs at least one, so lower num_folds"
        )
    tested: list[set[str]] = [set() for _ in range(num_folds)]
    for name in sorted(
        in_random_order(groups, f"folds {seed}"), key=lambda name: -len(groups[name])
    ):
        min(tested, key=len).update(groups[name])
    return [Fold(f"fold-{n}", frozenset(ids)) for n, ids in enumerate(tested, 1)]
