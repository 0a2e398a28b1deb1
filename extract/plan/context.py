"""What is read along with an utterance: earlier turns, or its place in a shared feature file."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from typing import NamedTuple

from extract.network.backbone import Reading
from features.manifest import MODALITIES, Utterance


class FilePlace(NamedTuple):
    """An utterance's place among those that share its feature file, and how many share it."""

    place: int
    num_sharing: int


@dataclass(frozen=True)
class Context:
    """What a backbone reads along with each utterance, by id; one of the two is empty."""

    earlier_texts: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    file_places: Mapping[str, FilePlace] = field(default_factory=dict)

    @classmethod
    def of(cls, manifest: Sequence[Utterance], reading: Reading) -> "Context":
        """The context of each utterance of a manifest."""
        name = reading.modalities[0]
        if name in MODALITIES:
            return cls(earlier_texts=earlier_texts(manifest, reading.context_turns))
        return cls(file_places=file_places(manifest, name))

    def key_strings(self) -> dict[str, tuple[str, ...]]:
        """By utterance id, what a part's key digests of its context."""
        places = {name: tuple(map(str, place)) for name, place in self.file_places.items()}
        return {**self.earlier_texts, **places}


def earlier_texts(manifest: Sequence[Utterance], num_turns: int) -> dict[str, tuple[str, ...]]:
    """By utterance id, the texts of up to `num_turns` turns before it in its dialogue.

    Turns without a text are skipped; utterances without a dialogue have no earlier turns.
    """
    texts: dict[str, tuple[str, ...]] = {}
    for dialogue, turns in groupby(manifest, key=lambda utterance: utterance.dialogue):
        has_context = dialogue is not None and num_turns > 0
        earlier: list[str] = []
        for utterance in turns:
            texts[utterance.id] = tuple(earlier[-num_turns:]) if has_context else ()
            if utterance.text is not None:
                earlier.append(utterance.text)
    return texts


def file_places(manifest: Sequence[Utterance], features: str) -> dict[str, FilePlace]:
    """By utterance id, its place in the feature file of that name; manifest order unless stated."""
    files = [utterance.features.get(features) for utterance in manifest]
    paths = [None if file is None else file.path for file in files]
    num_sharing, next_places = Counter(paths), Counter[str | None]()
    places: dict[str, FilePlace] = {}
    for utterance, file, path in zip(manifest, files, paths, strict=True):
        row = None if file is None else file.row
        place = next_places[path] if row is None else row
        places[utterance.id] = FilePlace(place, num_sharing[path])
        next_places[path] += 1
    return places
