"""The health of a corpus's stores: what they cover, why tracks are missing, lengths and norms."""

from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np

from app.explore.corpus import Corpus
from features.store.reader import Store

NUM_BINS = 24
# Tracks whose norms are looked at; spread over the corpus.
NUM_SAMPLED = 200


def health(corpus: Corpus) -> list[dict[str, Any]]:
    """Of each store: its backbone, coverage, lengths in steps, and norms of steps by layer."""
    return [_store(name, store) for name, store in corpus.stores.items()]


def _store(name: str, store: Store) -> dict[str, Any]:
    attributes = store.attributes
    reasons = Counter(reason for reason in store.reasons if reason != "ok")
    return {
        "name": name,
        "modality": attributes["modality"],
        "code": attributes["backbone"].get("code"),
        "recipe": attributes["recipe"][:12],
        "dim": store.dim,
        "dtype": store.dtype,
        "rate_hz": attributes.get("rate_hz"),
        "num_utterances": len(store),
        "num_tracks": store.reasons.count("ok"),
        "reasons": dict(sorted(reasons.items())),
        "lengths": _lengths(store.lengths[store.lengths > 0].tolist()),
        "layers": _norms(store),
        "facts": {fact: int(values.sum()) for fact, values in store.facts.items()},
    }


def _lengths(lengths: Sequence[int]) -> dict[str, Any]:
    """How many tracks have which length; none where there are no tracks."""
    if not lengths:
        return {}
    counts, edges = np.histogram(lengths, bins=min(NUM_BINS, len(set(lengths))))
    return {
        "edges": [round(float(edge), 1) for edge in edges],
        "counts": counts.tolist(),
        "least": min(lengths),
        "median": float(np.median(lengths)),
        "most": max(lengths),
    }


def _norms(store: Store) -> list[dict[str, Any]]:
    """Quartiles of the norm of the step vectors, by layer."""
    rows = np.flatnonzero(store.lengths)
    if not len(rows):
        return []
    sampled = rows[np.unique(np.linspace(0, len(rows) - 1, NUM_SAMPLED).astype(int))]
    norms = [np.linalg.norm(store.track(row).astype(np.float32), axis=2) for row in sampled]
    quartiles = np.quantile(np.concatenate(norms, axis=1), [0.25, 0.5, 0.75], axis=1)
    return [
        {"layer": layer, "quartiles": [round(float(value), 3) for value in own]}
        for layer, own in zip(store.attributes["layers"], quartiles.T, strict=True)
    ]
