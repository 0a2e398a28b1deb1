"""A track as one row of numbers: mean and standard deviation of each number over the steps."""

from collections.abc import Sequence

import numpy as np

from features.store.format import Array


def pooled(track: Array) -> list[float]:
    """Means, then standard deviations (of the steps themselves, not corrected), layer by layer."""
    values = track.astype(np.float64)
    rows: list[float] = []
    for layer in values:
        rows += [*layer.mean(axis=0).tolist(), *layer.std(axis=0).tolist()]
    return rows


def pooled_names(layers: Sequence[int], dim: int) -> list[str]:
    """The name of each number of `pooled`."""
    prefixes = [""] if len(layers) == 1 else [f"layer{layer}_" for layer in layers]
    kinds = ("mean", "std")
    return [f"{prefix}{kind}_{n}" for prefix in prefixes for kind in kinds for n in range(dim)]
