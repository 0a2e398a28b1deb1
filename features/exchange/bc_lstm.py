"""The pickles of bc-LSTM: videos of utterances as padded arrays, for training and test.

A tuple of the arrays of both, `(V, U, D)`, their labels `(V, U)`, the number U, and how many
utterances each video has. There are no ids in it: they are ``train_0_0``, by split, video and
utterance. Labels are numbers: of two or three classes they are read as the sentiment, of more as
the emotion. Read without running anything in it.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from features.errors import ProjectError
from features.foreign.contract import TRACK, Content, Item, Note
from features.store.format import Array
from features.untrusted.pickles import first_bytes_are_a_pickle, read_known

SUFFIXES = (".pickle", ".pkl")
NUM_SENTIMENTS = 3


def recognises(path: Path) -> bool:
    """A pickle of a tuple of seven: two arrays and labels of each, a number, and lengths."""
    if not first_bytes_are_a_pickle(path):
        return False
    try:
        return _is_fitting(read_known(path))
    except ProjectError:
        return False


def _is_fitting(loaded: Any) -> bool:
    if not isinstance(loaded, list | tuple) or len(loaded) != 7:
        return False
    train, train_labels, test, test_labels, _, train_lengths, test_lengths = loaded
    pairs = ((train, train_labels, train_lengths), (test, test_labels, test_lengths))
    return all(
        isinstance(values, np.ndarray)
        and values.ndim == 3
        and values.dtype.kind in "fiu"
        and isinstance(labels, np.ndarray)
        and labels.shape[:2] == values.shape[:2]
        and labels.dtype.kind in "fiu"
        and isinstance(lengths, list | tuple | np.ndarray)
        and len(lengths) == len(values)
        for values, labels, lengths in pairs
    )


def read(path: Path, note: Note) -> Content:
    """Every utterance of every video, as one step."""
    loaded = read_known(path)
    if not _is_fitting(loaded):
        raise ProjectError(f"{path} is not a tuple of seven arrays and lengths, as bc-LSTM has it")
    train, train_labels, test, test_labels, _, train_lengths, test_lengths = loaded
    splits = {
        "train": (train, _numbers(train_labels), train_lengths),
        "test": (test, _numbers(test_labels), test_lengths),
    }
    num_classes = 1 + max(int(labels.max(initial=0)) for _, labels, _ in splits.values())
    field = "sentiment" if num_classes <= NUM_SENTIMENTS else "emotion"
    count = sum(int(np.sum(lengths)) for _, _, lengths in splits.values())
    note(
        f"bc-LSTM: {len(train)} videos for training and {len(test)} for test, {count} utterances; "
        f"labels of {num_classes} classes are read as the {field}"
    )
    note("ids are SPLIT_VIDEO_UTTERANCE, such as train_0_0: the file has none")
    return Content(_items(path, splits, field), count)


def _numbers(labels: Array) -> Array:
    """Classes as whole numbers `(V, U)`; some files have a one for the class among zeros."""
    return (labels.argmax(axis=-1) if labels.ndim == 3 else labels).astype(np.int64)


def _items(
    path: Path, splits: dict[str, tuple[Array, Array, Sequence[int]]], field: str
) -> Iterator[Item]:
    for split, (values, labels, lengths) in splits.items():
        for video, length in enumerate(lengths):
            if not 0 <= int(length) <= values.shape[1]:
                raise ProjectError(
                    f"{path}: {split} video {video} states {length} utterances; it must be at "
                    f"most {values.shape[1]}"
                )
            for turn in range(int(length)):
                dialogue = f"{split}_{video}"
                label = {"split": split, "dialogue": dialogue, "turn": turn}
                label[field] = int(labels[video, turn])
                yield Item(f"{dialogue}_{turn}", {TRACK: values[video, turn]}, label)
