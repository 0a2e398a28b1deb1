"""Simulated test sets whose true figures are known: clusters of similar utterances."""

from dataclasses import dataclass
from functools import cache

import numpy as np

from train.scoring.class_measure import ClassMeasure
from train.scoring.measure import Measure, Numbers
from train.scoring.number_measure import NumberMeasure
from train.scoring.significance import intervals

NAMED = ClassMeasure("emotion", ("a", "b", "c"))
NUMBER = NumberMeasure("valence", "vad")
UTTERANCES_PER_CLUSTER = 8
# How much clusters differ in how well they are predicted: a deviation, in logits or in units.
CLUSTER_DEVIATION = 1.0


@dataclass(frozen=True)
class Sample:
    """A simulated test set: truth, predictions of one seed, and the cluster of each utterance."""

    measure: Measure
    truth: Numbers
    predicted: Numbers
    names: list[str]

    def covers(self, metric: str, true_figure: float, clustered: bool) -> bool:
        """Whether the interval of a metric contains the figure of the whole population."""
        names = self.names if clustered else [str(n) for n in range(len(self.names))]
        tally = self.measure.tallies(self.truth, self.predicted)[None]
        low, high = intervals(self.measure, tally, names)[metric]
        return low is not None and high is not None and low <= true_figure <= high


def sample(measure: Measure, num_clusters: int, random: np.random.Generator) -> Sample:
    """Clusters drawn from the population, each with its own difficulty."""
    effect = random.normal(0, CLUSTER_DEVIATION, num_clusters).repeat(UTTERANCES_PER_CLUSTER)
    names = [str(n) for n in range(num_clusters) for _ in range(UTTERANCES_PER_CLUSTER)]
    if measure is NUMBER:
        truth = random.normal(0, 1, len(effect))
        return Sample(measure, truth, truth + effect + random.normal(0, 1, len(effect)), names)
    classes = random.choice(3, len(effect), p=[0.6, 0.3, 0.1])
    right = random.random(len(effect)) < 1 / (1 + np.exp(-0.7 - effect))
    guess = np.where(right, classes, (classes + random.integers(1, 3, len(effect))) % 3)
    return Sample(measure, classes.astype(float), np.eye(3)[guess], names)


@cache
def population_figure(measure: ClassMeasure | NumberMeasure, metric: str) -> float:
    """The figure of a population so large that it is the true one."""
    whole = sample(measure, 100_000, np.random.default_rng(99))
    totals = measure.tallies(whole.truth, whole.predicted).sum(axis=0)
    return float(measure.scores(totals)[metric])


def coverage(
    measure: ClassMeasure | NumberMeasure,
    metric: str,
    num_clusters: int,
    num_samples: int,
    clustered: bool = True,
) -> float:
    """The share of simulated test sets whose confidence interval contains the true figure."""
    truth = population_figure(measure, metric)
    random = np.random.default_rng(num_clusters)
    covered = [
        sample(measure, num_clusters, random).covers(metric, truth, clustered)
        for _ in range(num_samples)
    ]
    return float(np.mean(covered))
