"""Pickles of arrays by id, alone or by split, as MIntRec, MELD and most scripts write them.

Read without running anything in them. Recognised are a dict of arrays; a list of three such dicts
(train, dev, test), or a dict of them by split; and dicts of MELD that are keyed by the
number of a dialogue and padded to its longest: their rows are utterances, ``<dialogue>_<row>``.
"""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from features.errors import ProjectError, quoted
from features.foreign.columns import SPLIT_NAMES
from features.foreign.contract import TRACK, Content, Item, Note
from features.foreign.padding import Unpadded
from features.manifest import SPLITS
from features.store.format import Array
from features.untrusted.pickles import first_bytes_are_a_pickle, read_known

SUFFIXES = (".pkl", ".p", ".pickle")
# Of arrays by dialogue at least this share ends in an utterance of zeros.
PADDED_SHARE = 0.5


def recognises(path: Path) -> bool:
    """A pickle; which layout it has is seen when it is read."""
    return first_bytes_are_a_pickle(path)


def read(path: Path, note: Note) -> Content:
    """Every array by its id; ids of several splits get the name of theirs in front."""
    return content_of(read_known(path), path, note)


def content_of(loaded: Any, path: Path, note: Note) -> Content:
    """The arrays of a pickle, or of another file of that layout, that was read."""
    by_split = _by_split(loaded, path)
    if _are_dialogues(by_split):
        note("pickle, arrays by dialogue, a row for each utterance: 3_0 is the first of 3")
        return Content(_dialogues(by_split, note))
    count = sum(map(len, by_split.values()))
    origin = "its keys" if None in by_split else "its keys with the split in front"
    note(f"pickle, {count} arrays; ids are {origin}")
    return Content(_items(by_split, path), count)


def _by_split(loaded: Any, path: Path) -> dict[str | None, Mapping[Any, Any]]:
    """The dicts of arrays by split; None where there is one for all."""
    if isinstance(loaded, list | tuple) and len(loaded) == 3 and _all_arrays(*loaded):
        return dict(zip(SPLITS, loaded, strict=True))
    by_name = isinstance(loaded, dict) and loaded and set(map(str, loaded)) <= set(SPLIT_NAMES)
    if by_name and _all_arrays(*loaded.values()):
        splits = [SPLIT_NAMES[name] for name in loaded]
        if len(set(splits)) < len(splits):
            raise ProjectError(f"{path} has {quoted(loaded)}, two of which are the same split")
        return dict(zip(splits, loaded.values(), strict=True))
    if _all_arrays(loaded):
        return {None: loaded}
    what = type(loaded).__name__
    if isinstance(loaded, dict | list | tuple):
        inside = loaded.values() if isinstance(loaded, dict) else loaded
        what += f" of {', '.join(sorted({type(each).__name__ for each in inside}))}"
    raise ProjectError(
        f"{path} holds a {what}, which is not a known layout; save a dict of arrays by id"
    )


def _all_arrays(*groups: Any) -> bool:
    return all(
        isinstance(group, dict)
        and group
        and all(_array(value) is not None for value in group.values())
        for group in groups
    )


def _array(value: Any) -> Array | None:
    """An array, or a list of equally long lists of numbers, as one."""
    if isinstance(value, list | tuple) and value:
        try:
            value = np.array(value)
        except (ValueError, TypeError):
            return None
    is_numeric = isinstance(value, np.ndarray) and value.dtype.kind in "fiu" and value.ndim
    return value if is_numeric else None


def _are_dialogues(by_split: Mapping[str | None, Mapping[Any, Any]]) -> bool:
    """Whether arrays are dialogues: under numbers, of one shape, and mostly ending in zeros."""
    arrays = [np.asarray(array) for group in by_split.values() for array in group.values()]
    names = [name for group in by_split.values() for name in group]
    shapes = {array.shape for array in arrays}
    if len(shapes) != 1 or len(shapes.pop()) != 2 or not all(str(name).isdigit() for name in names):
        return False
    num_padded = sum(not (array[-1] != 0).any() for array in arrays if len(array) > 1)
    return num_padded >= PADDED_SHARE * len(arrays)


def _dialogues(by_split: Mapping[str | None, Mapping[Any, Any]], note: Note) -> Iterator[Item]:
    padding = Unpadded("utterances of dialogues")
    for split, group in by_split.items():
        for dialogue, rows in group.items():
            for turn, row in enumerate(padding.trailing(np.asarray(rows))):
                label = {"dialogue": str(dialogue), "turn": turn}
                yield Item(
                    _name(split, f"{dialogue}_{turn}"),
                    {TRACK: row},
                    label if split is None else {**label, "split": split},
                )
    padding.say(note)


def _items(by_split: Mapping[str | None, Mapping[Any, Any]], path: Path) -> Iterator[Item]:
    for split, group in by_split.items():
        for name, value in group.items():
            if isinstance(name, tuple | float) or name is None:
                raise ProjectError(f"{path}: a key is {str(name)[:60]!r}; ids must be text")
            array = _array(value)
            assert array is not None
            yield Item(
                _name(split, str(name)),
                {TRACK: array} if array.size else {},
                {} if split is None else {"split": split},
            )


def _name(split: str | None, name: str) -> str:
    return name if split is None else f"{split}_{name}"
