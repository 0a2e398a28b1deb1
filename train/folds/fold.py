"""What a protocol says about one fold: which utterances test, and which choose."""

from collections.abc import Sequence
from dataclasses import dataclass

from features.manifest import Label


@dataclass(frozen=True)
class Fold:
    """The ids of the test part, and of the dev part where the corpus names one.

    What is neither trains. Without a dev part, one is drawn from what is not tested.
    """

    name: str
    test: frozenset[str]
    dev: frozenset[str] | None = None


def fold_for_each(labels: Sequence[Label], values: Sequence[str]) -> list[Fold]:
    """A fold for every value, which tests the utterances that have it; short names first."""
    pairs = list(zip(labels, values, strict=True))
    return [
        Fold(name, frozenset(label.id for label, value in pairs if value == name))
        for name in sorted(set(values), key=lambda name: (len(name), name))
    ]
