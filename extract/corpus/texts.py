"""Doubts about the texts and names of a corpus, whichever reader gives them."""

import unicodedata
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any, TypeVar

from features.errors import and_more
from features.manifest import Label, Utterance
from features.tables.characters import as_cp1252, misread_characters

Record = TypeVar("Record", Utterance, Label)
# The words, and names that several utterances may share. Ids are left alone: they name files.
WORDS = {
    Utterance: ("text", "speaker", "session", "dialogue"),
    Label: ("emotion", "sentiment", "depression"),
}
NUM_NAMED = 5


def without_misread_characters(records: Sequence[Record]) -> tuple[list[Record], list[str]]:
    """The records with control characters read as the characters of cp1252 that they stand for.

    The second value is a note that counts them, if there are any.
    """
    counts: Counter[str] = Counter()
    ids: list[str] = []
    mended = []
    for record in records:
        values = {name: getattr(record, name) for name in WORDS[type(record)]}
        texts = [value for value in values.values() if value is not None]
        if isinstance(record, Utterance):
            texts += [segment.text for segment in record.segments or ()]
        characters = misread_characters("".join(texts))
        if characters:
            counts.update(characters)
            ids.append(record.id)
        mended.append(_mended(record, values) if characters else record)
    if not ids:
        return mended, []
    named = [
        f"U+{ord(char):04X} {as_cp1252(char)} {count}" for char, count in sorted(counts.items())
    ]
    what = "utterances" if isinstance(records[0], Utterance) else "labels"
    note = (
        f"{len(ids)} {what} have control characters that are bytes of cp1252; they are read as "
        f"such ({and_more(named, NUM_NAMED)}): {and_more(ids, NUM_NAMED)}"
    )
    return mended, [note]


def _mended(record: Record, values: dict[str, Any]) -> Record:
    changed: dict[str, Any] = {name: value and as_cp1252(value) for name, value in values.items()}
    if isinstance(record, Utterance) and record.segments is not None:
        segments = [segment._replace(text=as_cp1252(segment.text)) for segment in record.segments]
        changed["segments"] = tuple(segments)
    return replace(record, **changed)


def spellings(utterances: Sequence[Utterance], labels: Sequence[Label]) -> list[str]:
    """A line for each name that is written in several ways: of speakers, dialogues, classes."""
    lines = []
    for name in ("speaker", "session", "dialogue"):
        lines += _spellings(name, (getattr(utterance, name) for utterance in utterances))
    for name in ("emotion", "sentiment", "depression"):
        lines += _spellings(name, (getattr(label, name) for label in labels))
    return lines


def _spellings(kind: str, names: Iterable[str | None]) -> list[str]:
    counts = Counter(name for name in names if name is not None)
    alike: dict[str, list[str]] = defaultdict(list)
    for name in counts:
        alike[_plain(name)].append(name)
    return [
        f"{kind}: {', '.join(f'{_shown(name, same)} {counts[name]}' for name in sorted(same))} "
        f"count as {len(same)} different names, but differ only in case, spaces or Unicode form"
        for _, same in sorted(alike.items())
        if len(same) > 1
    ]


def _plain(name: str) -> str:
    """A name with differences of case, spaces and Unicode form removed."""
    folded = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", name).casefold())
    return "".join(folded.split())


def _shown(name: str, others: Sequence[str]) -> str:
    """A name in quotation marks; by its code points where another one looks the same."""
    composed = [unicodedata.normalize("NFKC", other) for other in others]
    same = composed.count(unicodedata.normalize("NFKC", name)) > 1
    return ascii(name) if same else repr(name)
