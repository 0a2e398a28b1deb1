"""Checks of what comes out of a foreign file, before anything of it is kept."""

import unicodedata
from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from features.errors import ProjectError, counted, quoted
from features.foreign.contract import Item
from features.store.format import Array
from features.store.index import REASONS

MAX_ID_BYTES = 1024


def checked(items: Iterator[Item], where: str) -> Iterator[Item]:
    """The items with tracks as `(L, T, D)`, float16 where they are, else float32.

    Raises ProjectError, naming the utterance, for an id that is empty, too long, has control
    characters, occurs twice or differs from another only in its Unicode normal form, and for tracks
    that are not numbers or whose layers or widths differ. Numbers that are not finite are kept:
    they fail their own utterance later.
    """
    ids: dict[str, str] = {}
    widths: dict[str, tuple[int, int]] = {}
    for item in items:
        _check_id(item.id, ids, where)
        tracks = {}
        for field, values in item.tracks.items():
            track = as_track(values, f"{where}: {field} of {item.id!r}")
            layers, _, dim = track.shape
            first = widths.setdefault(field, (layers, dim))
            if first != (layers, dim):
                raise ProjectError(
                    f"{where}: {field} of {item.id!r} has {counted(layers, 'layer')} of width "
                    f"{dim}, but that of the first utterance has {first[0]} of width {first[1]}; "
                    "they must be equal"
                )
            tracks[field] = track
        reason = item.reason if item.reason in REASONS[1:] else "absent"
        yield replace(item, tracks=tracks, reason=reason)
    if not ids:
        raise ProjectError(f"{where} has no utterances")


def as_track(values: Array, where: str) -> Array:
    """An array as a track `(L, T, D)`: one step, steps, or layers of steps."""
    if not isinstance(values, np.ndarray) or values.dtype.kind not in "fiu":
        kind = values.dtype if isinstance(values, np.ndarray) else type(values).__name__
        raise ProjectError(f"{where} is of the type {kind}; tracks must be arrays of numbers")
    if (
        values.ndim not in (1, 2, 3)
        or values.shape[-1] == 0
        or values.shape[0] == 0 < values.ndim - 2
    ):
        raise ProjectError(
            f"{where} has the shape {values.shape}; a track is (D,), (T, D) or (L, T, D)"
        )
    dtype = np.float16 if values.dtype == np.float16 else np.float32
    with np.errstate(over="ignore"):  # beyond float32 is infinite, which fails the utterance
        track: Array = np.ascontiguousarray(values, dtype=dtype)
    return track.reshape((1,) * (3 - track.ndim) + track.shape)


def _check_id(name: object, ids: dict[str, str], where: str) -> None:
    if not isinstance(name, str) or not name:
        raise ProjectError(f"{where}: an id is {str(name)[:40]!r}; it must be text")
    try:
        num_bytes = len(name.encode())
    except UnicodeEncodeError:
        raise ProjectError(f"{where}: the id {name[:40]!r} is not valid text") from None
    has_controls = any(unicodedata.category(char) in ("Cc", "Zl", "Zp") for char in name)
    if has_controls or num_bytes > MAX_ID_BYTES:
        raise ProjectError(
            f"{where}: the id {name[:40]!r} has control characters, or more than {MAX_ID_BYTES} "
            "bytes"
        )
    normal = unicodedata.normalize("NFC", name)
    if normal in ids:
        first = ids[normal]
        both = f"{first!r} twice" if first == name else f"{quoted([first, name])}, which look alike"
        raise ProjectError(f"{where} has the id {both}; give each utterance its own")
    ids[normal] = name
