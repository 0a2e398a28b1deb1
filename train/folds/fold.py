"""The contract of a split protocol: which utterances of each fold are tested."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from features.manifest import Label


@dataclass(frozen=True)
class Fold:
    """The ids of the test set, and of the dev set where the corpus has one.

    All others are the training split. Without a dev set, one is drawn from these.
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


class SplitProtocol(Protocol):
    """A file in ``train/protocols``: how a corpus is cut into folds.

    `folds` takes settings of params.yaml as keyword-only parameters, each with a default unless it
    must be stated; RANGES may bound them. It looks at speakers, sessions, dialogues, splits and
    fold columns, never at what is to be predicted, and the same labels give the same folds.
    SPEAKER_DISJOINT says whether the test speakers of a fold are in no other split; `split_corpus`
    refuses folds that break this, and dialogues in two splits. A fold's `test` must not be empty,
    and no utterance is tested twice.
    """

    SPEAKER_DISJOINT: bool

    @staticmethod
    def folds(labels: Sequence[Label], **settings: Any) -> list[Fold]:
        """The folds, in order; ProjectError where the labels lack what the protocol needs."""
