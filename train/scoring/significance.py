"""Confidence intervals and tests of significance, by resampling clusters of the test set.

Utterances of one dialogue or speaker are not independent, so the bootstrap draws whole dialogues or
speakers, with replacement (Field and Welsh 2007). Percentiles of few draws are too narrow: they are
widened as Hesterberg (2015, "expanded percentile interval") says.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import special

from features.manifest import Label
from train.scoring.measure import Measure, Numbers

NUM_RESAMPLES = 2000
RATE = 0.95
Limits = tuple[float, float] | tuple[None, None]
# Sums of resamples that are computed at a time.
BLOCK_VALUES = 2**24


def clusters(labels: Sequence[Label]) -> tuple[str, list[str]]:
    """The unit that is resampled, and the one that each utterance belongs to.

    Dialogues where there are some, else speakers, else utterances. An utterance without a dialogue
    belongs to its speaker; one without a speaker either is a cluster of its own.
    """
    fields = [field for field in ("dialogue", "speaker") if any(getattr(x, field) for x in labels)]
    names = []
    for label in labels:
        clusters_of_label = [
            f"{field} {name}" for field in fields if (name := getattr(label, field)) is not None
        ]
        names.append(clusters_of_label[0] if clusters_of_label else f"utterance {label.id}")
    return (fields or ["utterance"])[0], names


def cluster_totals(tally: Numbers, names: Sequence[str]) -> Numbers:
    """Tallies `(S, N, X)` summed up by cluster, `(K, S, X)`."""
    _, numbers = np.unique(np.asarray(names), return_inverse=True)
    totals = np.zeros((int(numbers.max()) + 1, tally.shape[0], tally.shape[2]))
    np.add.at(totals, numbers, tally.swapaxes(0, 1))
    return totals


def resampled(measure: Measure, totals: Numbers, seed: int = 0) -> dict[str, Numbers]:
    """Each metric's mean over seeds in every resample of the clusters, `(NUM_RESAMPLES,)`."""
    num_clusters, num_seeds, width = totals.shape
    flat = totals.reshape(num_clusters, num_seeds * width)
    random = np.random.default_rng(seed)
    block = max(1, BLOCK_VALUES // (num_seeds * width + num_clusters))
    drawn: list[dict[str, Numbers]] = []
    for first in range(0, NUM_RESAMPLES, block):
        count = min(block, NUM_RESAMPLES - first)
        weights = random.multinomial(num_clusters, np.full(num_clusters, 1 / num_clusters), count)
        sums = (weights.astype(float) @ flat).reshape(count, num_seeds, width)
        drawn.append({k: v.mean(axis=1) for k, v in measure.scores(sums).items()})
    return {name: np.concatenate([one[name] for one in drawn]) for name in drawn[0]}


def interval(values: Numbers, num_clusters: int) -> Limits:
    """The expanded percentile interval of resampled figures at RATE; None for one cluster."""
    degrees = num_clusters - 1
    if degrees < 1:
        return None, None
    reach = math.sqrt(num_clusters / degrees) * -special.stdtrit(degrees, (1 - RATE) / 2)
    tail = float(special.ndtr(-reach))
    low, high = np.quantile(values, (tail, 1 - tail))
    return float(low), float(high)


def intervals(measure: Measure, tally: Numbers, names: Sequence[str]) -> dict[str, Limits]:
    """The interval of every metric, over the seeds' mean, of tallies `(S, N, X)`."""
    totals = cluster_totals(tally, names)
    return {
        name: interval(values, len(totals)) for name, values in resampled(measure, totals).items()
    }


@dataclass(frozen=True)
class Difference:
    """The difference of one run to another, its interval, and the two-sided p value.

    Interval and p are None where there is one cluster.
    """

    value: float
    limits: Limits
    p: float | None


def paired(
    measure: Measure, one: Numbers, other: Numbers, names: Sequence[str]
) -> dict[str, Difference]:
    """The difference of two runs on the same utterances, by metric, of tallies `(S, N, X)`.

    The interval is of a paired bootstrap: both runs are resampled with the same clusters. `p` is of
    a permutation test (approximate randomisation, Noreen 1989): the share of random swaps of the
    runs within clusters after which they differ at least as much.
    """
    totals = cluster_totals(one, names), cluster_totals(other, names)
    drawn = [resampled(measure, each) for each in totals]
    own = [measure.scores(each.sum(axis=0)) for each in totals]
    swapped = _swapped(measure, *totals)
    differences: dict[str, Difference] = {}
    for name, values in drawn[0].items():
        value = float(own[0][name].mean() - own[1][name].mean())
        # Sums in another order differ in the last bits.
        as_large = int((np.abs(swapped[name]) >= abs(value) - 1e-12).sum())
        p = None if len(totals[0]) < 2 else (1 + as_large) / (1 + NUM_RESAMPLES)
        differences[name] = Difference(value, interval(values - drawn[1][name], len(totals[0])), p)
    return differences


def _swapped(measure: Measure, one: Numbers, other: Numbers) -> dict[str, Numbers]:
    """Each metric's difference, the runs swapped in a random half of the clusters `(K, S, X)`."""
    num_seeds = math.lcm(one.shape[1], other.shape[1])
    sides = [np.repeat(each, num_seeds // each.shape[1], axis=1) for each in (one, other)]
    random = np.random.default_rng(0)
    block = max(1, BLOCK_VALUES // (num_seeds * one.shape[2] + len(one)))
    differences: list[dict[str, Numbers]] = []
    for first in range(0, NUM_RESAMPLES, block):
        count = min(block, NUM_RESAMPLES - first)
        kept = random.integers(0, 2, (count, len(one))).astype(float)
        drawn = []
        for weights in (kept, 1 - kept):
            sums = np.tensordot(weights, sides[0], 1) + np.tensordot(1 - weights, sides[1], 1)
            drawn.append({k: v.mean(axis=1) for k, v in measure.scores(sums).items()})
        differences.append({name: drawn[0][name] - drawn[1][name] for name in drawn[0]})
    return {name: np.concatenate([block[name] for block in differences]) for name in differences[0]}
