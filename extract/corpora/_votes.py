"""Annotators' votes: how often each class was chosen, the majority, and ties."""

from collections import Counter
from collections.abc import Iterable, Mapping

Votes = dict[str, float]


def counted(names: Iterable[str]) -> Votes | None:
    """The votes of a list of labels, one for each annotator; None without any."""
    counts = Counter(names)
    return {name: float(counts[name]) for name in sorted(counts)} or None


def majority(votes: Mapping[str, float] | None) -> str | None:
    """The class with the most votes; None if several classes tie or there are no votes."""
    most = most_voted(votes)
    return most[0] if len(most) == 1 else None


def most_voted(votes: Mapping[str, float] | None) -> list[str]:
    """The classes with the most votes, in the order of their names."""
    greatest = max((votes or {}).values(), default=0.0)
    return sorted(n for n, count in (votes or {}).items() if count == greatest) if greatest else []
