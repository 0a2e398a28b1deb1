"""What a corpus should hold, against what a folder holds."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from features.manifest import Label, Utterance

# Counts by field of the utterances or labels ("utterances" for all of them), then by value.
Expected = Mapping[str, Mapping[str, int] | int]
NAMED_GROUPS = 5
# Counts only the utterances that have an emotion.
LABELLED_SESSION = "session of labelled ones"


def deviations(
    expected: Expected, utterances: Sequence[Utterance], labels: Sequence[Label]
) -> list[str]:
    """One line per field in which the counts deviate, with the values where they do."""
    notes = []
    for name, wanted in expected.items():
        if isinstance(wanted, int):
            if wanted != len(utterances):
                notes.append(f"{len(utterances)} utterances, and the corpus has {wanted}")
            continue
        found = Counter(_values(name, utterances, labels))
        wrong = [
            f"{value} {found.get(value, 0)} instead of {count}"
            for value, count in wanted.items()
            if found.get(value, 0) != count
        ]
        wrong += [f"{value} {found[value]}, not foreseen" for value in found.keys() - wanted.keys()]
        if wrong:
            more = f" and {len(wrong) - NAMED_GROUPS} more" if len(wrong) > NAMED_GROUPS else ""
            notes.append(f"utterances by {name}: {'; '.join(wrong[:NAMED_GROUPS])}{more}")
    return notes


def _values(name: str, utterances: Sequence[Utterance], labels: Sequence[Label]) -> list[Any]:
    if name == LABELLED_SESSION:
        pairs = zip(utterances, labels, strict=True)
        return [utterance.session for utterance, label in pairs if label.emotion is not None]
    records: Sequence[Any] = labels if name in ("emotion", "sentiment", "split") else utterances
    values = [getattr(record, name) for record in records]
    return [value for value in values if value is not None]
