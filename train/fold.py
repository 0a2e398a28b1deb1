"""What a protocol says about one fold: which utterances test, and which choose."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Fold:
    """The ids of the test part, and of the dev part where the corpus names one.

    What is neither trains. Without a dev part, one is drawn from what is not tested.
    """

    name: str
    test: frozenset[str]
    dev: frozenset[str] | None = None
