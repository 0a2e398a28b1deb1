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
from train.measures import Measure, Numbers
from train.metrics import scores_of

NUM_RESAMPLES = 2000
RATE = 0.95
Limits = tuple[float, float] | tuple[None, None]
# Sums of resamples that are computed at a time.
BLOCK_VALUES = 2**24


def clusters(labels: Sequence[Label]) -> tuple[str, list[str]]:
    """What is drawn again, and which of them each utterance belongs to.

    Dialogues where all utterances have one, else speakers, else utterances.
    """
    for unit in ("dialogue", "speaker"):
        names = [getattr(label, unit) for label in labels]
        if None not in names:
            return unit, names
    return "utterance", [label.id for label in labels]


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
        drawn.append({k: v.mean(axis=1) for k, v in scores_of(measure, sums).items()})
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
    """By how much one run is above another: its interval, and the chance of it (two-sided)."""

    value: float
    limits: Limits
    p: float


def paired(
    measure: Measure, one: Numbers, other: Numbers, names: Sequence[str]
) -> dict[str, Difference]:
    """The difference of two runs on the same utterances, by metric, of tallies `(S, N, X)`.

    Both are drawn with the same clusters; `p` is twice the share of resamples in which the
    difference has the other sign.
    """
    totals = cluster_totals(one, names), cluster_totals(other, names)
    drawn = [resampled(measure, each) for each in totals]
    own = [scores_of(measure, each.sum(axis=0)) for each in totals]
    found: dict[str, Difference] = {}
    for name, values in drawn[0].items():
        differences = values - drawn[1][name]
        below = (1 + (differences <= 0).sum()) / (1 + len(differences))
        above = (1 + (differences >= 0).sum()) / (1 + len(differences))
        found[name] = Difference(
            float(own[0][name].mean() - own[1][name].mean()),
            interval(differences, len(totals[0])),
            float(min(1.0, 2 * min(below, above))),
        )
    return found
