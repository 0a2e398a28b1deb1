"""The index arrays of a store: where each utterance's track is, or why it has none."""

from collections.abc import Sequence

import numpy as np

from features.store.format import Array
from features.store.pool import Part

# Why a track is missing; the position is the code in index/reason.
REASONS = (
    "ok",
    "absent",
    "empty",
    "known-bad",
    "missing",
    "undecodable",
    "too-long",
    "too-large",
    "not-finite",
    "beyond-float16",
)
FAILURES = REASONS[4:]


def index_of(parts: Sequence[Part]) -> dict[str, Array]:
    """The index of the utterances of all parts, in manifest order."""
    lengths = [length for part in parts for length in part.lengths]
    starts = [np.cumsum([0, *part.lengths[:-1]]) for part in parts]
    numbers = [np.full(len(part.ids), number) for number, part in enumerate(parts)]
    reasons = [REASONS.index(reason) for part in parts for reason in part.reasons]
    index: dict[str, Array] = {
        "part": np.concatenate(numbers).astype(np.int32),
        "start": np.concatenate(starts).astype(np.int64),
        "length": np.array(lengths, np.int64),
        "reason": np.array(reasons, np.uint8),
        **packed_ids([name for part in parts for name in part.ids]),
    }
    if parts[0].spans is not None:
        spans = [span for part in parts for span in part.spans or ()]
        index["span"] = np.array(spans, np.int32).reshape(-1, 2)
    for name in fact_names(parts):
        counts = [n for part in parts for n in part.facts.get(name, (0,) * len(part.ids))]
        index[f"fact_{name}"] = np.array(counts, np.int64)
    return index


def fact_names(parts: Sequence[Part]) -> list[str]:
    """The names of the facts that the parts record of each utterance, sorted."""
    return sorted({name for part in parts for name in part.facts})


def packed_ids(ids: Sequence[str]) -> dict[str, Array]:
    """Ids as UTF-8 bytes one after another, and where each ends; any Zarr reader can read them."""
    encoded = [name.encode() for name in ids]
    return {
        "id_bytes": np.frombuffer(b"".join(encoded), np.uint8),
        "id_end": np.cumsum([len(name) for name in encoded]).astype(np.int64),
    }


def empty_index(ids: Sequence[str]) -> dict[str, Array]:
    """The index of utterances none of which has a track."""
    return {
        "part": np.full(len(ids), -1, np.int32),
        "start": np.zeros(len(ids), np.int64),
        "length": np.zeros(len(ids), np.int64),
        "reason": np.full(len(ids), REASONS.index("absent"), np.uint8),
        **packed_ids(ids),
    }
