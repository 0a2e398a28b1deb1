"""What the fields of an utterance and of a label may hold when they come from a corpus reader."""

from collections.abc import Mapping
from dataclasses import MISSING, fields, replace
from types import UnionType
from typing import Any, TypeVar, Union, get_args, get_origin, get_type_hints

from features.binding import conforms, describe
from features.manifest import FeatureFile, Label, Segment, Utterance

Record = TypeVar("Record", Utterance, Label)
# Filled in by read_corpus.
LEFT_ALONE = {
    Utterance: ("audio_digest", "video_digest"),
    Label: ("speaker", "session", "dialogue", "turn", "folds", "recording", "is_cause"),
}


def field_violations(record: Record) -> list[str]:
    """Fields of the wrong type, out of range, or not the reader's to fill in."""
    kind = type(record).__name__.lower()
    hints = get_type_hints(type(record))
    problems = [
        f"{name} is {getattr(record, name)!r}; it must be {_describe(hints[name])}"
        for name in _mistyped(record)
    ]
    typed = without_mistyped(record)
    problems += [
        f"{name} is set; read_corpus fills it in"
        for name in LEFT_ALONE[type(record)]
        if getattr(typed, name) not in (None, {})
    ]
    problems += [
        f"{field.name} is empty; an unknown value is None"
        for field in fields(typed)
        if getattr(typed, field.name) == "" and field.name != "id"
    ]
    problems += _utterance_ranges(typed) if isinstance(typed, Utterance) else _label_ranges(typed)
    return [f"the {kind} {record.id!r}: {problem}" for problem in problems]


def without_mistyped(record: Record) -> Record:
    """The record with the defaults in place of values of the wrong type."""
    defaults = {field.name: field.default for field in fields(record)}
    values: dict[str, Any] = {
        name: str(record.id) if name == "id" else {} if default is MISSING else default
        for name, default in defaults.items()
        if name in _mistyped(record)
    }
    return replace(record, **values)


def _mistyped(record: Utterance | Label) -> list[str]:
    hints = get_type_hints(type(record))
    return [name for name, hint in hints.items() if not _conforms(getattr(record, name), hint)]


def _conforms(value: Any, hint: Any) -> bool:
    """`features.binding.conforms`, and tuples and mappings as the manifest has them."""
    origin, arguments = get_origin(hint), get_args(hint)
    if origin in (Union, UnionType):
        return any(_conforms(value, option) for option in arguments)
    if hint in (Segment, FeatureFile):
        types = get_type_hints(hint).values()
        return isinstance(value, hint) and all(map(_conforms, value, types))
    if origin is tuple:
        if not isinstance(value, tuple):
            return False
        items = [arguments[0]] * len(value) if arguments[-1] is ... else arguments
        return len(value) == len(items) and all(map(_conforms, value, items))
    if origin is Mapping:
        return isinstance(value, Mapping) and all(
            isinstance(name, str) and _conforms(item, arguments[1]) for name, item in value.items()
        )
    return conforms(value, hint)


def _describe(hint: Any) -> str:
    options = get_args(hint) if get_origin(hint) in (Union, UnionType) else (hint,)
    plain = all(get_origin(option) not in (tuple, Mapping) for option in options)
    return describe(hint) if plain else str(hint)


def _utterance_ranges(utterance: Utterance) -> list[str]:
    stretches = [("start_s is {} and end_s {}", utterance.start_s, utterance.end_s)]
    video = ("video_start_s is {} and video_end_s {}", *utterance.video_stretch)
    stretches += [video] if video[1:] != stretches[0][1:] else []
    segments = utterance.segments or ()
    stretches += [("a segment starts at {} and ends at {}", *times[:2]) for times in segments]
    problems = [
        f"{words.format(start_s, end_s)}; it must be 0 <= start < end"
        for words, start_s, end_s in stretches
        if (start_s or 0.0) < 0 or (end_s is not None and end_s <= (start_s or 0.0))
    ]
    if utterance.segments == ():
        problems.append("segments is empty; without turns it is None")
    if utterance.audio_channel is not None and utterance.audio_channel < 0:
        problems.append(f"audio_channel is {utterance.audio_channel}; channels count from 0")
    if utterance.video_box is not None:
        left, top, right, bottom = utterance.video_box
        if not (0 <= left < right <= 1 and 0 <= top < bottom <= 1):
            problems.append(f"video_box is {utterance.video_box}; it must be inside the frame")
    if utterance.turn is not None and utterance.dialogue is None:
        problems.append(f"turn is {utterance.turn} without a dialogue")
    return problems


def _label_ranges(label: Label) -> list[str]:
    problems = []
    if label.phq8 is not None and not 0 <= label.phq8 <= 24:
        problems.append(f"phq8 is {label.phq8}; it must be 0 to 24")
    items = label.phq8_items
    if items is not None and (len(items) != 8 or not set(items) <= set(range(4))):
        problems.append(f"phq8_items is {items}; it must be eight answers, each 0 to 3")
    if label.depression not in (None, "depressed", "not-depressed"):
        problems.append(
            f"depression is {label.depression!r}; it must be depressed or not-depressed"
        )
    return problems
