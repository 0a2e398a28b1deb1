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

    A group is named after its first speaker or dialogue; an utterance without either is its own.
    """
    leader: dict[str, str] = {}

    def lead(name: str) -> str:
        while leader.setdefault(name, name) != name:
            name = leader[name]
        return name

    keys = [_keys(label) for label in labels]
    for first, *others in keys:
        for other in others:
            leader[lead(other)] = lead(first)
    groups: dict[str, list[str]] = defaultdict(list)
    for label, (first, *_) in zip(labels, keys, strict=True):
        groups[lead(first)].append(label.id)
    return dict(groups)


def dialogue_groups(labels: Sequence[Label]) -> dict[str, list[str]]:
    """Ids by dialogue; an utterance without one is its own group."""
    groups: dict[str, list[str]] = defaultdict(list)
    for label in labels:
        groups[f"id {label.id}" if label.dialogue is None else label.dialogue].append(label.id)
    return dict(groups)


def in_random_order(names: Iterable[str], purpose: str) -> list[str]:
    """The names in a random order that depends on nothing but them and the purpose.

    Adding or removing a name leaves the order of the others as it is.
    """
    return sorted(names, key=lambda name: hashlib.sha256(f"{purpose}/{name}".encode()).digest())


def _keys(label: Label) -> list[str]:
    keys = [] if label.speaker is None else [f"speaker {label.speaker}"]
    keys += [] if label.dialogue is None else [f"dialogue {label.dialogue}"]
    return keys or [f"id {label.id}"]
