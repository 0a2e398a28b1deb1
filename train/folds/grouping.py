"""Groups of utterances that must not be separated, and a fixed random order of them."""

import hashlib
from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Literal

from features.errors import ProjectError
from features.manifest import Label


def required(labels: Sequence[Label], field: Literal["speaker", "session"]) -> list[str]:
    """The speaker or session of every utterance; ProjectError where one has none."""
    values: list[str | None] = [getattr(label, field) for label in labels]
    without = [label.id for label, value in zip(labels, values, strict=True) if value is None]
    if without:
        raise ProjectError(
            f"{len(without)} of {len(labels)} utterances have no {field} (the first is "
            f"{without[0]!r}), which the protocol needs; choose another protocol, or a reader that "
            f"gives the {field}"
        )
    return [value for value in values if value is not None]


def speaker_groups(labels: Sequence[Label]) -> dict[str, list[str]]:
    """Ids by group: speakers are of one group where they share a dialogue, however indirectly.

    So are those of copies of one recording. A group is named after its first speaker or dialogue;
    an utterance without either is its own.
    """
    return _groups(labels, [_keys(label) for label in labels])


def dialogue_groups(labels: Sequence[Label]) -> dict[str, list[str]]:
    """Ids by dialogue, those of copies of one recording together; one without is its own group."""
    names = [f"id {label.id}" if label.dialogue is None else label.dialogue for label in labels]
    copies = [_recording_keys(label) for label in labels]
    return _groups(labels, [[name, *keys] for name, keys in zip(names, copies, strict=True)])


def _groups(labels: Sequence[Label], keys: Sequence[Sequence[str]]) -> dict[str, list[str]]:
    """Ids by group: utterances are of one group where they share a key, however indirectly."""
    leader: dict[str, str] = {}

    def lead(name: str) -> str:
        while leader.setdefault(name, name) != name:
            name = leader[name]
        return name

    for first, *others in keys:
        for other in others:
            leader[lead(other)] = lead(first)
    groups: dict[str, list[str]] = defaultdict(list)
    for label, (first, *_) in zip(labels, keys, strict=True):
        groups[lead(first)].append(label.id)
    return dict(groups)


def in_random_order(names: Iterable[str], purpose: str) -> list[str]:
    """The names in a random order that depends only on them and the purpose.

    Adding or removing a name leaves the order of the others as it is.
    """
    return sorted(names, key=lambda name: hashlib.sha256(f"{purpose}/{name}".encode()).digest())


def _keys(label: Label) -> list[str]:
    keys = [] if label.speaker is None else [f"speaker {label.speaker}"]
    keys += [] if label.dialogue is None else [f"dialogue {label.dialogue}"]
    return [*(keys or [f"id {label.id}"]), *_recording_keys(label)]


def _recording_keys(label: Label) -> list[str]:
    return [] if label.recording is None else [f"recording {label.recording}"]
