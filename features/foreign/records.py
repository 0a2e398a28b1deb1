"""Utterances and labels of a foreign file, as a corpus."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from features.foreign.contract import CLASSES, NUMBERS, Note
from features.foreign.decoded import Decoded
from features.foreign.names import named_labels
from features.manifest import SPLITS, Label, Utterance

OF_UTTERANCES = ("speaker", "session", "dialogue", "turn")


def records(
    decoded: Decoded, classes: Mapping[str, Sequence[str]], where: str, note: Note
) -> Iterator[tuple[Utterance, Label]]:
    """Every utterance with its label, in the order of the file.

    `classes` names the numbers of labels in their order (features/foreign/names.py).
    """
    labels = named_labels(decoded.labels, classes, where, note)
    _note_labels(labels, note)
    for name, values, text in zip(decoded.ids, labels, decoded.texts, strict=True):
        own = {field: values[field] for field in OF_UTTERANCES if field in values}
        kept: dict[str, Any] = {
            field: tuple(value) if isinstance(value, list) else value
            for field, value in values.items()
            if field not in OF_UTTERANCES
        }
        yield Utterance(id=name, text=text, **own), Label(id=name, **kept)


def _note_labels(labels: Sequence[Mapping[str, object]], note: Note) -> None:
    """Say which labels there are, and how the utterances are split."""
    present = [name for name in (*CLASSES, *NUMBERS) if any(name in label for label in labels)]
    note(f"labels: {', '.join(present) or 'none'}")
    splits = Counter(label.get("split") for label in labels)
    named = ", ".join(f"{split} {splits[split]}" for split in SPLITS if splits[split])
    note(f"splits: {named or 'none'}")
