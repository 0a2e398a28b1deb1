"""The published counts of a corpus, compared with what was read."""

from collections import Counter
from collections.abc import Sequence
from typing import Any

from extract.corpus.reader import LABELLED_SESSION, Expected
from features.errors import and_more
from features.manifest import Label, Utterance

NUM_NAMED = 5


def deviations(
    expected: Expected, utterances: Sequence[Utterance], labels: Sequence[Label]
) -> list[str]:
    """One line per field whose counts deviate, with the values whose count is wrong."""
    notes = []
    for name, published in expected.items():
        if isinstance(published, int):
            if published != len(utterances):
                notes.append(f"{len(utterances)} utterances, but the corpus has {published}")
            continue
        counts = Counter(_values(name, utterances, labels))
        wrong = [
            f"{value} {counts.get(value, 0)} instead of {count}"
            for value, count in published.items()
            if counts.get(value, 0) != count
        ]
        unexpected = counts.keys() - published.keys()
        wrong += [f"{value} {counts[value]}, not expected" for value in sorted(unexpected)]
        if wrong:
            notes.append(f"utterances by {name}: {and_more(wrong, NUM_NAMED, '; ')}")
    return notes


def _values(name: str, utterances: Sequence[Utterance], labels: Sequence[Label]) -> list[Any]:
    if name == LABELLED_SESSION:
        pairs = zip(utterances, labels, strict=True)
        return [utterance.session for utterance, label in pairs if label.emotion is not None]
    records: Sequence[Any] = labels if name in ("emotion", "sentiment", "split") else utterances
    values = [getattr(record, name) for record in records]
    return [value for value in values if value is not None]
