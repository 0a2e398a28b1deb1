"""Pickles of dialogues: DialogueRNN, MMGCN, MM-DFN, COSMIC, GraphSmile and their kin.

A tuple of dicts by dialogue, each with one entry for each utterance. The file does not say what the
elements of the tuple are: its length and their types decide. Read without running anything in it.
Emotions and sentiments are numbers, whose names the user lists in order; splits come from the lists
of dialogues, and a list of training dialogues may include the dev set.
"""

from collections.abc import Iterator, Mapping, Sequence
from itertools import repeat
from pathlib import Path
from typing import Any

import numpy as np

from features.errors import ProjectError
from features.foreign.contract import Content, Item, Note
from features.untrusted.pickles import first_bytes_are_a_pickle, read_known

SUFFIXES = (".pkl", ".p", ".pickle")
ROBERTA = ("roberta1", "roberta2", "roberta3", "roberta4")
SPLITS = ("train", "test", "dev")
LAYOUTS: dict[str, tuple[str, ...]] = {
    "DialogueRNN, IEMOCAP": (
        *("ids", "speakers", "emotion", "text", "audio", "video", "words", "train", "test"),
    ),
    "DialogueRNN, MELD": (
        *("ids", "speakers", "emotion", "text", "audio", "words", "train", "test", "sentiment"),
    ),
    "MMGCN, MELD": (
        *("ids", "speakers", "emotion", "text", "audio", "video", "words", "train", "test"),
        "rest",
    ),
    "COSMIC, IEMOCAP": ("speakers", "emotion", *ROBERTA, "words", "train", "test", "dev"),
    "COSMIC, MELD": (
        *("speakers", "emotion", "sentiment", *ROBERTA, "words", "train", "test", "dev"),
    ),
    "GraphSmile": (
        *("ids", "speakers", "emotion", "sentiment", *ROBERTA, "audio", "video", "words"),
        *("train", "test", "rest"),
    ),
    "COSMIC, commonsense": (
        *("xIntent", "xAttr", "xNeed", "xWant", "xEffect", "xReact", "oWant", "oEffect", "oReact"),
    ),
}
LABELS = ("emotion", "sentiment")
NO_TRACK = ("ids", "speakers", *LABELS, "words", *SPLITS, "rest")


def recognises(path: Path) -> bool:
    """A pickle with a tuple, or list, of one of LAYOUTS."""
    if not first_bytes_are_a_pickle(path):
        return False
    try:
        return _layout(read_known(path)) is not None
    except ProjectError:
        return False


def _layout(loaded: Any) -> str | None:
    if not isinstance(loaded, list | tuple):
        return None
    for name, roles in LAYOUTS.items():
        if len(roles) == len(loaded) and all(map(_fits, roles, loaded)):
            return name
    return None


def _fits(role: str, element: Any) -> bool:
    """Whether an element of the tuple can be what the layout says."""
    if role == "rest":
        return True
    if role in SPLITS:
        return isinstance(element, list | tuple) and all(isinstance(x, int | str) for x in element)
    if not isinstance(element, dict) or not element:
        return False
    first = next((entry for entry in element.values() if len(_entries(entry))), None)
    if first is None:
        return False
    entry = _entries(first)[0]
    if role == "words":
        return isinstance(entry, str)
    if role in LABELS:
        return _is_number(entry)
    if role == "ids":
        return isinstance(entry, str) or _is_number(entry)
    if role == "speakers":
        return isinstance(entry, str) or _is_number(entry) or _is_vector(entry)
    return _is_vector(entry)


def _entries(entry: Any) -> Sequence[Any]:
    """One entry for each utterance of a dialogue."""
    if isinstance(entry, np.ndarray) and entry.ndim:
        return list(entry)
    return entry if isinstance(entry, list | tuple) else ()


def _is_number(value: Any) -> bool:
    return isinstance(value, int | np.integer) and not isinstance(value, bool)


def _is_vector(value: Any) -> bool:
    try:
        array = np.asarray(value)
    except (ValueError, TypeError):
        return False
    return array.ndim == 1 and array.dtype.kind in "fiu" and array.size > 0


def read(path: Path, note: Note) -> Content:
    """Every utterance of every dialogue; the fields are the modalities that the layout has."""
    loaded = read_known(path)
    name = _layout(loaded)
    if name is None:
        raise ProjectError(
            f"{path} is not a tuple of dicts by dialogue in a known layout; layouts are "
            f"{'; '.join(LAYOUTS)}"
        )
    by_role = dict(zip(LAYOUTS[name], loaded, strict=True))
    fields = [role for role in by_role if role not in NO_TRACK]
    dialogues = by_role[fields[0]]
    count = sum(len(_entries(rows)) for rows in dialogues.values())
    note(
        f"pickle of dialogues ({name}): {len(dialogues)} dialogues, {count} utterances, "
        f"{', '.join(fields)}"
    )
    has_names = "ids" in by_role and _names_in(by_role["ids"])
    note(f"ids are {'those of the file' if has_names else 'DIALOGUE_UTTERANCE, such as 3_0'}")
    if "train" in by_role and "dev" not in by_role:
        note("there is no list of dev dialogues; the training list may hold them")
    return Content(_items(path, by_role, fields), count)


def _names_in(dialogues: Mapping[Any, Any]) -> bool:
    return any(isinstance(entry, str) for rows in dialogues.values() for entry in _entries(rows))


def _items(path: Path, by_role: Mapping[str, Any], fields: Sequence[str]) -> Iterator[Item]:
    split_of: dict[str, str] = {}
    for split in SPLITS:
        for key in map(str, by_role.get(split, ())):
            if split_of.setdefault(key, split) != split:
                raise ProjectError(f"{path}: dialogue {key!r} is in {split_of[key]} and in {split}")
    for key, rows in by_role[fields[0]].items():
        count = len(_entries(rows))
        columns = {
            role: _column(path, role, by_role[role], key, count)
            for role in by_role
            if role not in (*SPLITS, "rest")
        }
        for turn in range(count):
            row = {role: column[turn] for role, column in columns.items()}
            tracks = {field: np.asarray(row[field]) for field in fields}
            label = _label(row, str(key), turn)
            if str(key) in split_of:
                label["split"] = split_of[str(key)]
            own = row.get("ids")
            name = own if isinstance(own, str) else f"{key}_{turn if own is None else own}"
            yield Item(name, tracks, label, row.get("words"))


def _column(path: Path, role: str, element: Mapping[Any, Any], key: Any, count: int) -> list[Any]:
    """The entries of one dialogue in one element; ProjectError where there are more or fewer."""
    entries = list(_entries(element[key])) if key in element else list(repeat(None, count))
    if len(entries) != count:
        raise ProjectError(
            f"{path}: dialogue {str(key)!r} has {count} utterances, but {len(entries)} {role}"
        )
    return entries


def _label(row: Mapping[str, Any], dialogue: str, turn: int) -> dict[str, Any]:
    label: dict[str, Any] = {"dialogue": dialogue, "turn": turn}
    for field in LABELS:
        if _is_number(row.get(field)):
            label[field] = int(row[field])
    speaker = row.get("speakers")
    if isinstance(speaker, str):
        # IEMOCAP's are M and F in each of its five sessions.
        is_iemocap = dialogue.startswith("Ses") and speaker in ("M", "F")
        label["speaker"] = f"{dialogue[:5]}-{speaker}" if is_iemocap else speaker
    elif speaker is not None:
        vector = np.asarray(speaker)
        label["speaker"] = f"speaker-{int(vector.argmax()) if vector.ndim else int(vector)}"
    return label
