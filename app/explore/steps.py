"""Where the steps of a track are in an utterance: in seconds, or at which characters of text."""

import re
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from features.manifest import Utterance
from features.store.reader import Store

Numbers = NDArray[np.float64]
# Longer tracks are drawn as sums of neighbouring steps.
MAX_DRAWN = 1500
DIGITS = 6


def on_words(text: str, spans: NDArray[Any], weights: Numbers) -> dict[str, Any]:
    """The weights `(S, T)` of tokens as those of words, `(S, words)`.

    `spans (T, 2)` are the characters of each token. A token over several words is shared among
    them by characters; tokens without any (special tokens) are summed in `elsewhere`, `(S,)`.
    """
    words = [match.span() for match in re.finditer(r"\S+", text)]
    word_of_letter = np.full(len(text), -1)
    for number, (start, end) in enumerate(words):
        word_of_letter[start:end] = number
    by_word = np.zeros((len(weights), len(words)))
    elsewhere = np.zeros(len(weights))
    for token, (start, end) in enumerate(spans.tolist()):
        letters = word_of_letter[start:end]
        letters = letters[letters >= 0]
        if len(letters):
            numbers, counts = np.unique(letters, return_counts=True)
            by_word[:, numbers] += weights[:, [token]] * counts / len(letters)
        else:
            elsewhere += weights[:, token]
    return {"words": words, "weights": rounded(by_word), "elsewhere": rounded(elsewhere)}


def in_time(store: Store, row: int, duration_s: float | None, weights: Numbers) -> dict[str, Any]:
    """The weights `(S, T)` of steps over time: the first step's start, and the length of a step.

    Steps at the same point in time are summed. If a store has no times, or an utterance is made
    of segments, steps are spread evenly over its duration, and `exact` is false.
    """
    cells = int(store.facts["cells"][row]) if "cells" in store.facts else 1
    weights = _summed(weights, max(1, cells))
    rate_hz, first_s = (store.attributes.get(name) for name in ("rate_hz", "first_step_s"))
    num_steps = weights.shape[1]
    if rate_hz is None or first_s is None:
        exact, start_s, step_s = False, 0.0, (duration_s or num_steps) / num_steps
    else:
        exact, start_s, step_s = True, first_s - 0.5 / rate_hz, 1 / rate_hz
    together = -(-num_steps // MAX_DRAWN)
    return {
        "start_s": round(start_s, DIGITS),
        "step_s": round(step_s * together, DIGITS),
        "exact": exact,
        "weights": rounded(_summed(weights, together)),
    }


def step_weights_drawn(
    store: Store, utterance: Utterance, duration_s: float | None, weights: Numbers
) -> dict[str, Any]:
    """The weights of a track's steps as they are drawn: on words, or along the time."""
    row = store.rows[utterance.id]
    if store.spans is not None and utterance.text is not None and utterance.segments is None:
        start = int(store.lengths[:row].sum())
        spans = store.spans[start : start + int(store.lengths[row])]
        return on_words(utterance.text, spans, weights)
    drawn = in_time(store, row, duration_s, weights)
    return drawn if utterance.segments is None else {**drawn, "exact": False}


def _summed(weights: Numbers, together: int) -> Numbers:
    """The sums of every `together` neighbours."""
    if together == 1:
        return weights
    return np.add.reduceat(weights, np.arange(0, weights.shape[1], together), axis=1)


def rounded(values: Numbers | Sequence[float]) -> Any:
    """Numbers for JSON."""
    return np.round(np.asarray(values, float), DIGITS).tolist()
