"""The pickles of MMSA, M-SENA and MMSA-FET: a dict of splits, each with padded arrays.

Fields are ``text``, ``audio`` and ``video`` (there called vision). Padding is removed by the
lengths that the file states, by the mask of ``text_bert``, or where it is unambiguous.
``annotations`` are the sentiment, ``regression_labels`` the valence. What goes out takes a store of
each modality, padded to its longest utterance, float32, and keeps labels, attributes and texts
beside what MMSA reads.
"""

import math
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from features.errors import ProjectError
from features.foreign.columns import read_label
from features.foreign.contract import Content, Item, Note
from features.foreign.outgoing import Outgoing
from features.foreign.padding import Unpadded
from features.foreign.write_pickle import PaddedArray, write_pickle
from features.store.format import Array
from features.untrusted.pickles import first_bytes_are_a_pickle, read_known

SUFFIXES = (".pkl",)
CARRIES = ("lengths", "labels", "splits", "texts")
SEVERAL = True
KEYS = {"text": "text", "audio": "audio", "video": "vision"}
SPLITS = {"train": "train", "valid": "dev", "test": "test"}
# Our own keys beside MMSA's, which leaves them alone.
LABELS, LENGTHS, ATTRIBUTES = "labels", "text_lengths", "attributes"
KNOWN = {
    *("raw_text", "id", "text_bert", "audio_lengths", "vision_lengths", LENGTHS, LABELS),
    *("annotations", "classification_labels", "regression_labels", *KEYS.values()),
}
CLASS_OF_SENTIMENT = {"negative": 0, "neutral": 1, "positive": 2}


def recognises(path: Path) -> bool:
    """A pickle of a dict of splits, ``train``, ``valid``, ``test``, with ids and arrays in each."""
    if not first_bytes_are_a_pickle(path):
        return False
    try:
        loaded = read_known(path)
    except ProjectError:
        return False
    splits = [loaded[name] for name in SPLITS if name in loaded] if isinstance(loaded, dict) else []
    return bool(splits) and all(
        isinstance(split, dict) and "id" in split and set(KEYS.values()) & set(split)
        for split in splits
    )


def read(path: Path, note: Note) -> Content:
    """Every utterance of every split."""
    if not recognises(path):
        read_known(path)
        raise ProjectError(f"{path} is not a dict of splits with ids and arrays, as MMSA has it")
    loaded = read_known(path)
    splits = {name: loaded[name] for name in SPLITS if name in loaded}
    counts = {name: len(_rows(split["id"])) for name, split in splits.items()}
    fields = [f for f, key in KEYS.items() if any(key in split for split in splits.values())]
    counted = ", ".join(f"{SPLITS[name]} {count}" for name, count in counts.items())
    note(f"MMSA: {sum(counts.values())} utterances ({counted}), {', '.join(fields)}")
    others = sorted({str(key) for split in splits.values() for key in split} - KNOWN)
    for split in splits.values():
        others += [key for key in ("text_bert",) if key in split and key not in others]
    if others:
        note(f"left out: {', '.join(map(str, others))}")
    return Content(_items(path, splits, fields, note), sum(counts.values()))


def _rows(values: Any) -> list[Any]:
    return list(values) if isinstance(values, list | tuple | np.ndarray) else []


def _items(
    path: Path, splits: Mapping[str, Mapping[str, Any]], fields: list[str], note: Note
) -> Iterator[Item]:
    paddings = {field: Unpadded(field) for field in fields}
    for name, split in splits.items():
        ids = [str(each) for each in _rows(split["id"])]
        columns = _columns(path, name, split, len(ids))
        own_fields = [field for field in fields if KEYS[field] in split]
        where = f"{path}: {name}"
        arrays = {field: _array(where, split, field, len(ids)) for field in own_fields}
        lengths = {field: _lengths(where, split, field, arrays[field]) for field in own_fields}
        for row, own in enumerate(ids):
            tracks = {}
            for field, values in arrays.items():
                known, padding = lengths[field], paddings[field]
                track = (
                    padding.guessed(values[row])
                    if known is None
                    else padding.known(values[row], known[row])
                )
                if len(track):
                    tracks[field] = track
            named = {key: column[row] for key, column in columns.items()}
            label, text = read_label(named, f"{path}: {own!r}")
            place = {} if LABELS in split else _place(own)
            yield Item(own, tracks, {**place, **label, "split": SPLITS[name]}, text)
    for padding in paddings.values():
        padding.say(note)


def _place(own: str) -> dict[str, Any]:
    """Video and clip in an id, which MMSA separates by ``$_$``."""
    video, separator, clip = own.rpartition("$_$")
    if not separator:
        return {}
    return {"dialogue": video, **({"turn": int(clip)} if clip.isdecimal() else {})}


def _columns(path: Path, name: str, split: Mapping[str, Any], count: int) -> dict[str, list[Any]]:
    """Text and labels of a split, by field of Label."""
    columns: dict[str, list[Any]] = {}
    own = split.get(LABELS)
    if isinstance(own, dict):
        columns |= {str(key): _rows(values) for key, values in own.items()}
    else:
        if "annotations" in split:
            columns["sentiment"] = [str(each).lower() for each in _rows(split["annotations"])]
        elif "classification_labels" in split:
            columns["sentiment"] = _rows(split["classification_labels"])
        if "regression_labels" in split:
            columns["valence"] = _rows(split["regression_labels"])
    if "raw_text" in split:
        columns["text"] = [str(each) for each in _rows(split["raw_text"])]
    for key, column in columns.items():
        if len(column) != count:
            raise ProjectError(f"{path}: {name} has {count} ids and {len(column)} of {key}")
    return columns


def _array(where: str, split: Mapping[str, Any], field: str, count: int) -> Array:
    values = split[KEYS[field]]
    if isinstance(values, np.ndarray) and values.ndim in (2, 3) and len(values) == count:
        return values if values.ndim == 3 else values[:, None]
    shape = values.shape if isinstance(values, np.ndarray) else type(values).__name__
    raise ProjectError(f"{where}.{KEYS[field]} is {shape}; it must be (N, T, D) for {count} ids")


def _lengths(where: str, split: Mapping[str, Any], field: str, values: Array) -> list[int] | None:
    """The true lengths, None where the file does not say."""
    stated = split.get(f"{KEYS[field]}_lengths")
    if stated is None:
        mask = split.get("text_bert")
        if not isinstance(mask, np.ndarray) or mask.shape != (len(values), 3, values.shape[1]):
            return None
        stated = (mask[:, 1] > 0).sum(axis=1)
    lengths = [int(np.asarray(each).reshape(-1)[0]) for each in _rows(stated)]
    if len(lengths) != len(values) or any(not 0 <= each <= values.shape[1] for each in lengths):
        raise ProjectError(f"{where}: the lengths of {field} do not fit its {len(values)} tracks")
    return lengths


def write(outgoing: Outgoing, path: Path) -> None:
    """Write the splits of a corpus with the tracks of one store for each modality."""
    outgoing.one_layer("mmsa")
    columns = outgoing.columns
    count = len(outgoing.ids)
    splits = columns.get("split", [None] * count)
    without = [name for name, split in zip(outgoing.ids, splits, strict=True) if split is None]
    if without:
        raise ProjectError(
            f"{len(without)} utterances, such as {without[0]!r}, are in no split; MMSA needs "
            "train, valid and test. Use a corpus reader that has official splits"
        )
    document: dict[str, Any] = {
        name: _split(outgoing, [row for row in range(count) if splits[row] == split])
        for name, split in SPLITS.items()
    }
    document[ATTRIBUTES] = {
        field: {"layers": store.attributes["layers"], "recipe": store.attributes["recipe"]}
        for field, store in outgoing.stores.items()
    }
    write_pickle(path, document)


def _split(outgoing: Outgoing, rows: list[int]) -> dict[str, Any]:
    columns = {name: [values[row] for row in rows] for name, values in outgoing.columns.items()}
    empty = [None] * len(rows)
    sentiments, valences = columns.get("sentiment", empty), columns.get("valence", empty)
    split: dict[str, Any] = {
        "raw_text": [text or "" for text in columns.pop("text", empty)],
        "id": [outgoing.ids[row] for row in rows],
        "annotations": [(sentiment or "").capitalize() for sentiment in sentiments],
        "classification_labels": np.array(
            [CLASS_OF_SENTIMENT.get(sentiment, math.nan) for sentiment in sentiments], np.float32
        ),
        "regression_labels": np.array(
            [_regression(*pair) for pair in zip(valences, sentiments, strict=True)], np.float32
        ),
        LABELS: columns,
    }
    for field, store in outgoing.stores.items():
        tracks = PaddedArray(outgoing, field, rows, max(1, int(store.lengths.max(initial=0))))
        split[KEYS[field]] = tracks
        split[f"{KEYS[field]}_lengths"] = [int(store.lengths[row]) for row in rows]
    return split


def _regression(valence: float | None, sentiment: str | None) -> float:
    if valence is not None:
        return valence
    return CLASS_OF_SENTIMENT[sentiment] - 1 if sentiment in CLASS_OF_SENTIMENT else math.nan
