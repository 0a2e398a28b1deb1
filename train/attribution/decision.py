"""What a head decides of one utterance, and the share of each modality in it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from train.attribution.present import Present
from train.attribution.shares import shapley
from train.scoring.class_measure import ClassMeasure
from train.scoring.measure import Measure, Numbers

EXPLAINED = ("classes", "numbers")


@dataclass(frozen=True)
class Decision:
    """A value, where it starts from, and what each modality adds: `value - base` altogether.

    The value is the probability of the class `label` (the mean over seeds), or the number that is
    predicted; then `label` is None.
    """

    label: str | None
    base: float
    value: float
    shares: Mapping[str, float]


def decision(
    measure: Measure, predicted: Mapping[Present, Numbers], base: Numbers | None = None
) -> Decision:
    """The decision about one utterance, of its predictions for every set of modalities.

    `predicted` are means over seeds: probabilities `(C,)` or a number `()`. `base` is that without
    any modality, where `predicted` has none for the empty set.
    """
    names = frozenset().union(*predicted)
    whole = predicted[names]
    label: str | None = None
    place: tuple[int, ...] = ()
    if isinstance(measure, ClassMeasure):
        number = int(whole.argmax())
        label, place = measure.classes[number], (number,)
    every = predicted if base is None else {**predicted, frozenset(): base}
    values = {kept: np.asarray(prediction[place]) for kept, prediction in every.items()}
    shares = {name: float(share) for name, share in shapley(values, names).items()}
    return Decision(label, float(values[frozenset()]), float(values[names]), shares)


def base_of(measure: Measure, facts: Mapping[str, Any]) -> Numbers:
    """What is predicted without any modality: class shares, or the mean, of the training split."""
    own = facts[measure.task]
    if isinstance(measure, ClassMeasure):
        counts = np.array(own["counts"], float)
        return np.asarray(counts / counts.sum())
    return np.asarray(own[measure.name]["mean"], float)
