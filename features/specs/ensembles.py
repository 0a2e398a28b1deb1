"""The frozen spec of several heads put together."""

from dataclasses import dataclass
from typing import Literal

Combine = Literal["weights", "mean", "stacking"]


@dataclass(frozen=True)
class EnsembleSpec:
    """Trained heads whose predictions are combined.

    ``weights``: a weighted mean, the weights fitted on the dev set of each fold. ``mean``: all
    weigh the same. ``stacking``: of classes a logistic regression on the heads' log probabilities,
    of numbers a linear regression on their predictions, fitted on the dev set of each fold.
    """

    name: str
    heads: list[str]
    combine: Combine = "weights"
