"""Recordings that a corpus has twice: a copy in training gives the test away."""

from collections import defaultdict
from collections.abc import Mapping, Sequence

from features.errors import ProjectError, and_more
from features.manifest import SPLITS, Label, Split

ALLOW = "leave one of them out of the corpus, or set 'duplicates: allowed' under it in params.yaml"
NUM_NAMED = 3


def refuse_copies(fold: str, splits: Mapping[Split, Sequence[Label]]) -> None:
    """Raise ProjectError where copies of one recording are in two splits of a fold."""
    copies: dict[str, dict[Split, str]] = defaultdict(dict)
    for split in SPLITS:
        for label in splits[split]:
            if label.recording is not None:
                copies[label.recording].setdefault(split, label.id)
    shared = [ids for ids in copies.values() if len(ids) > 1]
    if shared:
        named = [
            " = ".join(f"{name!r} in {split}" for split, name in ids.items()) for ids in shared
        ]
        raise ProjectError(
            f"fold {fold!r} has the same recording in two splits ({and_more(named, NUM_NAMED)}), "
            f"so the test would not be independent; {ALLOW}"
        )


def refuse_two_speakers(labels: Sequence[Label]) -> None:
    """Raise ProjectError where copies of one recording have different speakers.

    One of the names is wrong, so speakers cannot be kept apart by them.
    """
    copies: dict[str, dict[str, str]] = defaultdict(dict)
    for label in labels:
        if label.recording is not None and label.speaker is not None:
            copies[label.recording].setdefault(label.speaker, label.id)
    named = [
        " = ".join(f"{name!r} of {speaker!r}" for speaker, name in ids.items())
        for ids in copies.values()
        if len(ids) > 1
    ]
    if named:
        raise ProjectError(
            f"the same recording has two speakers ({and_more(named, NUM_NAMED)}), so the protocol "
            f"cannot keep speakers apart; {ALLOW}"
        )
