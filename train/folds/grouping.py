"""Who belongs together: speakers with their dialogues, in an order that chance decides once."""

import hashlib
from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Literal

from features.errors import ProjectError
from features.manifest import Label


def required(labels: Sequence[Label], field: Literal["speaker", "session"]) -> list[str]:
    """The speaker or session of every utterance; ProjectError where one has none."""
    values: list[str | None] = [getattr(label, field) for label in labels]
    lost = [label.id for label, value in zip(labels, values, strict=True) if value is None]
    if lost:
        raise ProjectError(
            f"{len(lost)} of {len(labels)} utterances have no {field} (the first is {lost[0]!r}), "
            f"and the protocol goes by it; choose another protocol, or a reader that knows the "
            f"{field}"
        )
    return [value for value in values if value is not None]


def acquainted(labels: Sequence[Label]) -> dict[str, list[str]]:
    """Ids by group: speakers are of one group where they share a dialogue, however indirectly.

    A group has the name of its first speaker or dialogue; an utterance without either is alone.
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


def dialogues(labels: Sequence[Label]) -> dict[str, list[str]]:
    """Ids by dialogue; an utterance without one is alone."""
    groups: dict[str, list[str]] = defaultdict(list)
    for label in labels:
        groups[f"id {label.id}" if label.dialogue is None else label.dialogue].append(label.id)
    return dict(groups)


def shuffled(names: Iterable[str], purpose: str) -> list[str]:
    """The names in a random order that depends on them and on the purpose alone.

    A name more or less leaves the order of the others as it is.
    """
    return sorted(names, key=lambda name: hashlib.sha256(f"{purpose}/{name}".encode()).digest())


def _keys(label: Label) -> list[str]:
    keys = [] if label.speaker is None else [f"speaker {label.speaker}"]
    keys += [] if label.dialogue is None else [f"dialogue {label.dialogue}"]
    return keys or [f"id {label.id}"]
