"""The frozen spec of an ensemble: several heads combined."""

from dataclasses import dataclass
from typing import Literal

Combine = Literal["weights", "mean", "stacking"]
Adjust = Literal["none", "logit-adjustment"]


@dataclass(frozen=True)
class EnsembleSpec:
    """Trained heads whose predictions are combined.

    ``weights``: a weighted mean, the weights fitted on the dev set of each fold. ``mean``: the
    unweighted mean. ``stacking``: for classes a logistic regression on the heads' log
    probabilities, for numbers a linear regression on their predictions, fitted on the dev set of
    each fold. `imbalance: logit-adjustment` predicts rare classes more often: the prior of the
    training split, raised to a strength that is selected on the dev set of each fold, is divided
    out.
    """

    name: str
    heads: list[str]
    combine: Combine = "weights"
    imbalance: Adjust = "none"
