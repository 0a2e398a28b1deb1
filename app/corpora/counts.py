"""Plain counts of a corpus: how many utterances, and how often each class, split and vote."""

from collections import Counter
from collections.abc import Sequence

from extract.corpora._votes import most_voted
from features.manifest import Label

CLASSES = ("split", "emotion", "sentiment", "is_cause", "depression")
NUMBERS = ("valence", "arousal", "dominance", "phq8")
NUM_TIES = 5


def counts_of(labels: Sequence[Label]) -> list[str]:
    """One line for the utterances, and one for each thing that they are labelled with."""
    whole = [f"{len(labels)} utterances"]
    for field in ("dialogue", "speaker", "session"):
        if names := {getattr(label, field) for label in labels} - {None}:
            whole.append(f"{len(names)} {field}s")
    lines = [", ".join(whole), *(line for name in CLASSES if (line := _classes(name, labels)))]
    lines += [line for name in NUMBERS if (line := _numbers(name, labels))]
    return [*lines, *_votes(labels)]


def _classes(name: str, labels: Sequence[Label]) -> str:
    """How often each value occurs; empty where none does."""
    values = Counter(getattr(label, name) for label in labels)
    missing = values.pop(None, 0)
    if not values:
        return ""
    counts = ", ".join(f"{value} {count}" for value, count in sorted(values.items()))
    return f"{name.replace('_', ' ')}: {counts}" + (f"; {missing} have none" if missing else "")


def _numbers(name: str, labels: Sequence[Label]) -> str:
    """How many have a number, and its range; empty where none has."""
    values = [value for label in labels if (value := getattr(label, name)) is not None]
    if not values:
        return ""
    return f"{name}: {min(values):g} to {max(values):g} in {len(values)} utterances"


def _votes(labels: Sequence[Label]) -> list[str]:
    """How many utterances have votes, and which classes are tied how often."""
    voted = [label.emotion_votes for label in labels if label.emotion_votes]
    if not voted:
        return []
    mean = sum(sum(votes.values()) for votes in voted) / len(voted)
    ties = Counter(" = ".join(most) for own in voted if len(most := most_voted(own)) > 1)
    line = f"{len(voted)} utterances have annotators' votes, {mean:.1f} on average"
    if ties:
        named = ", ".join(f"{names} {count}" for names, count in ties.most_common(NUM_TIES))
        more = f" and {len(ties) - NUM_TIES} more" if len(ties) > NUM_TIES else ""
        line += f"; the most votes are tied in {ties.total()} of them: {named}{more}"
    return [line]
