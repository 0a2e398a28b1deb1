"""Annotators' votes: how often each class was chosen, the majority, and ties."""

from collections import Counter
from collections.abc import Iterable, Mapping

from extract.corpus.reader import Note
from features.manifest import Label

Votes = dict[str, float]


def counted(names: Iterable[str]) -> Votes | None:
    """The votes of a list of labels, one for each annotator; None without any."""
    counts = Counter(names)
    return {name: float(counts[name]) for name in sorted(counts)} or None


def majority(votes: Mapping[str, float] | None) -> str | None:
    """The class with the most votes; None where several have as many, or none has any."""
    most = most_voted(votes)
    return most[0] if len(most) == 1 else None


def most_voted(votes: Mapping[str, float] | None) -> list[str]:
    """The classes with the most votes, in the order of their names."""
    greatest = max((votes or {}).values(), default=0.0)
    return sorted(n for n, count in (votes or {}).items() if count == greatest) if greatest else []


def note_votes(note: Note, labels: Iterable[Label]) -> None:
    """Note how many utterances have votes, and which classes are tied how often."""
    voted = [label.emotion_votes for label in labels if label.emotion_votes]
    if not voted:
        return
    mean = sum(sum(votes.values()) for votes in voted) / len(voted)
    ties = Counter(" = ".join(most) for own in voted if len(most := most_voted(own)) > 1)
    line = f"{len(voted)} utterances have annotators' votes, {mean:.1f} on average"
    if ties:
        named = ", ".join(f"{names} {count}" for names, count in ties.most_common(5))
        more = f" and {len(ties) - 5} more" if len(ties) > 5 else ""
        line += f"; the most votes are tied in {ties.total()} of them: {named}{more}"
    note(line)
