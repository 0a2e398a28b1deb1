"""The share of each modality in a decision: exact Shapley values over modalities that are there.

The value of some modalities is the probability that the head gives, with them alone, to the class
that it predicts with all of them; without any it is the share of that class in the training split.
The share of a modality is what it adds, on average over all orders in which modalities may come
(Shapley 1953; Lundberg and Lee 2017). Shares of one utterance add up to its probability less that
share of the class.
"""

from collections.abc import Iterable, Mapping, Sequence
from itertools import combinations
from math import factorial
from typing import Any

import numpy as np

from train.attribution.present import Present
from train.scoring.measure import Numbers


def shapley(values: Mapping[Present, Numbers], players: Iterable[str]) -> dict[str, Numbers]:
    """The Shapley value of each player, of the values `(N,)` of every set of them."""
    names = sorted(players)
    count = len(names)
    shares = {}
    for name in names:
        others = [other for other in names if other != name]
        shares[name] = sum(
            factorial(size)
            * factorial(count - size - 1)
            / factorial(count)
            * (values[frozenset({name, *before})] - values[frozenset(before)])
            for size in range(count)
            for before in combinations(others, size)
        )
    return {name: np.asarray(share) for name, share in shares.items()}


def decision_shares(
    whole: Numbers, present: Mapping[Present, Numbers], prior: Numbers
) -> tuple[Numbers, dict[str, Numbers]]:
    """The predicted classes `(N,)`, and the share of each modality in them `(N,)`.

    `whole` are probabilities `(N, C)` with all modalities, `present` with some of them, both means
    over seeds; `prior` `(C,)` are the shares of the classes in the training split.
    """
    decided = whole.argmax(axis=-1)
    rows = np.arange(len(decided))
    names = frozenset().union(*present)
    values = {kept: probabilities[rows, decided] for kept, probabilities in present.items()}
    values |= {names: whole[rows, decided], frozenset(): prior[decided]}
    return decided, shapley(values, names)


def by_predicted_class(
    classes: Sequence[str], decided: Numbers, shares: Mapping[str, Numbers], whole: Numbers
) -> dict[str, dict[str, Any]]:
    """Of each class that is predicted: how often, its mean probability, and the mean shares."""
    figures = {}
    for number, name in enumerate(classes):
        rows = decided == number
        if rows.any():
            figures[name] = {
                "count": int(rows.sum()),
                "probability": float(whole[rows, number].mean()),
                "shares": {modality: float(own[rows].mean()) for modality, own in shares.items()},
            }
    return figures
