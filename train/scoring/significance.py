"""How far a figure may be off by the choice of the test part: the cluster bootstrap.

Utterances of one dialogue or speaker are not independent, so whole dialogues or speakers are drawn
again, with replacement (Field and Welsh 2007). Percentiles of few draws are too narrow: they are
widened as Hesterberg (2015, "expanded percentile interval") says.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import stats

from features.manifest import Label
from train.scoring.measure import Measure, Numbers

NUM_RESAMPLES = 2000
RATE = 0.95
Limits = tuple[float, float] | tuple[None, None]
# Sums of resamples that are computed at a time.
BLOCK_VALUES = 2**24


def clusters(labels: Sequence[Label]) -> tuple[str, list[str]]:
    """What is drawn again, and which of them each utterance belongs to.

    Dialogues where there are some, else speakers, else utterances. An utterance without a dialogue
    belongs to its speaker; one whose speaker is not known either stands for itself.
    """
    units = [unit for unit in ("dialogue", "speaker") if any(getattr(x, unit) for x in labels)]
    names = []
    for label in labels:
        known = [f"{unit} {name}" for unit in units if (name := getattr(label, unit)) is not None]
        names.append(known[0] if known else f"utterance {label.id}")
    return (units or ["utterance"])[0], names


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
    reach = math.sqrt(num_clusters / degrees) * stats.t.isf((1 - RATE) / 2, degrees)
    tail = float(stats.norm.sf(reach))
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
    """By how much one run is above another: its interval, and the chance of it (two-sided).

    Neither is known where there is one cluster.
    """

    value: float
    limits: Limits
    p: float | None


def paired(
    measure: Measure, one: Numbers, other: Numbers, names: Sequence[str]
) -> dict[str, Difference]:
    """The difference of two runs on the same utterances, by metric, of tallies `(S, N, X)`.

    For the interval both are drawn with the same clusters. For `p` the runs change places in
    clusters at random (approximate randomisation, Noreen 1989): it is the share of such draws in
    which they differ as much.
    """
    totals = cluster_totals(one, names), cluster_totals(other, names)
    drawn = [resampled(measure, each) for each in totals]
    own = [measure.scores(each.sum(axis=0)) for each in totals]
    swapped = _swapped(measure, *totals)
    found: dict[str, Difference] = {}
    for name, values in drawn[0].items():
        value = float(own[0][name].mean() - own[1][name].mean())
        # Sums in another order differ in the last bits.
        as_large = int((np.abs(swapped[name]) >= abs(value) - 1e-12).sum())
        p = None if len(totals[0]) < 2 else (1 + as_large) / (1 + NUM_RESAMPLES)
        found[name] = Difference(value, interval(values - drawn[1][name], len(totals[0])), p)
    return found


def _swapped(measure: Measure, one: Numbers, other: Numbers) -> dict[str, Numbers]:
    """Each metric's difference, the runs swapped in a random half of the clusters `(K, S, X)`."""
    together = math.lcm(one.shape[1], other.shape[1])
    sides = [np.repeat(each, together // each.shape[1], axis=1) for each in (one, other)]
    random = np.random.default_rng(0)
    block = max(1, BLOCK_VALUES // (together * one.shape[2] + len(one)))
    found: list[dict[str, Numbers]] = []
    for first in range(0, NUM_RESAMPLES, block):
        count = min(block, NUM_RESAMPLES - first)
        kept = random.integers(0, 2, (count, len(one))).astype(float)
        drawn = []
        for weights in (kept, 1 - kept):
            sums = np.tensordot(weights, sides[0], 1) + np.tensordot(1 - weights, sides[1], 1)
            drawn.append({k: v.mean(axis=1) for k, v in measure.scores(sums).items()})
        found.append({name: drawn[0][name] - drawn[1][name] for name in drawn[0]})
    return {name: np.concatenate([each[name] for each in found]) for name in found[0]}
