"""How the predictions of several heads become one, as their dev set says.

Everything is fitted on the dev set of a fold, which none of its heads was trained on.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from scipy.optimize import minimize

from train.scoring.ensemble import averaged
from train.scoring.measure import Measure, Numbers
from train.scoring.metrics import scores

LEAST = 1e-7
MAX_ITERATIONS = 2000
# Powers of the prior that are tried.
STRENGTHS = [step / 10 for step in range(21)]


class Combination(Protocol):
    """Predictions of several heads `(H, N, ...)` to one `(N, ...)`."""

    def __call__(self, each: Numbers) -> Numbers: ...

    def as_json(self, names: Sequence[str]) -> dict[str, Any]:
        """What the report says of it."""


@dataclass(frozen=True)
class Weighted:
    """A weighted mean; the weights `(H,)` are not negative and have the sum 1."""

    measure: Measure
    weights: Numbers

    def __call__(self, each: Numbers) -> Numbers:
        return averaged(self.measure, each, self.weights.tolist())

    def as_json(self, names: Sequence[str]) -> dict[str, Any]:
        return {name: round(float(w), 4) for name, w in zip(names, self.weights, strict=True)}


@dataclass(frozen=True)
class Stacked:
    """A regression on the heads' predictions; of classes on their log probabilities."""

    measure: Measure
    regression: Any

    def __call__(self, each: Numbers) -> Numbers:
        features = _features(self.measure, each)
        if self.measure.classes is None:
            return np.asarray(self.regression.predict(features))
        probabilities = np.zeros((len(features), len(self.measure.classes)))
        # A class that the dev set lacks is never predicted.
        columns = self.regression.classes_.astype(int)
        probabilities[:, columns] = self.regression.predict_proba(features)
        return probabilities

    def as_json(self, names: Sequence[str]) -> dict[str, Any]:
        return {}


@dataclass(frozen=True)
class Adjusted:
    """Probabilities of classes with the prior of the training split divided out.

    `log_prior` is `(C,)`; the prior is raised to `strength` (Menon et al. 2021).
    """

    combination: Combination
    log_prior: Numbers
    strength: float

    def __call__(self, each: Numbers) -> Numbers:
        return _adjusted(self.combination(each), self.log_prior, self.strength)

    def as_json(self, names: Sequence[str]) -> dict[str, Any]:
        return self.combination.as_json(names)


def fitted_adjustment(
    measure: Measure,
    truth: Numbers,
    each: Numbers,
    combination: Combination,
    counts: Sequence[float],
    metric: str,
) -> Adjusted:
    """The strength with the best `metric` on labelled utterances of dev, the least of equals.

    `counts` are those of the classes in the training split.
    """
    shares = np.maximum(np.asarray(counts, float), 1)
    log_prior = np.log(shares / shares.sum())
    combined = combination(each)
    figures = [
        scores(measure, truth, _adjusted(combined, log_prior, strength))[metric]
        for strength in STRENGTHS
    ]
    return Adjusted(combination, log_prior, STRENGTHS[int(np.argmax(figures))])


def _adjusted(probabilities: Numbers, log_prior: Numbers, strength: float) -> Numbers:
    logits = np.log(np.maximum(probabilities, LEAST)) - strength * log_prior
    raised = np.exp(logits - logits.max(axis=-1, keepdims=True))
    return np.asarray(raised / raised.sum(axis=-1, keepdims=True))


def fitted_weights(measure: Measure, truth: Numbers, each: Numbers) -> Weighted:
    """The weights with the least loss on labelled utterances of dev, of predictions `(H, N, ...)`.

    Of classes that is the negative log likelihood, of numbers the squared error, of votes and of
    every possible pair the cross-entropy.
    """
    labelled = measure.labelled(truth)
    own, true = each[:, labelled], truth[labelled]

    def loss(logits: Numbers) -> float:
        mixed = np.tensordot(_softmax(logits), own, 1)
        if measure.kind == "numbers":
            return float(np.mean((mixed - true) ** 2))
        if measure.kind == "classes":
            likelihood = mixed[np.arange(len(true)), true.astype(int)]
            return float(-np.log(np.maximum(likelihood, LEAST)).mean())
        if measure.kind == "votes":
            return float(-(true * np.log(np.maximum(mixed, LEAST))).sum(axis=1).mean())
        pairs, is_pair = np.clip(mixed[:, 1:-1], LEAST, 1 - LEAST), true[:, 1:-1] > 0
        return float(-np.where(is_pair, np.log(pairs), np.log1p(-pairs)).mean())

    optimum = minimize(loss, np.zeros(len(each)), method="Nelder-Mead")
    return Weighted(measure, _softmax(optimum.x))


def equal_weights(measure: Measure, count: int) -> Weighted:
    """All heads weigh the same."""
    return Weighted(measure, np.full(count, 1 / count))


def fitted_stack(measure: Measure, truth: Numbers, each: Numbers) -> Combination:
    """A regression on labelled utterances of dev, of predictions `(H, N, ...)`.

    Weights where the dev set has a single class, of which nothing can be learned.
    """
    from sklearn.linear_model import LinearRegression, LogisticRegression

    labelled = measure.labelled(truth)
    if measure.kind == "classes" and len(set(truth[labelled])) < 2:
        return fitted_weights(measure, truth, each)
    is_numbers = measure.classes is None
    regression = LinearRegression() if is_numbers else LogisticRegression(max_iter=MAX_ITERATIONS)
    regression.fit(_features(measure, each[:, labelled]), truth[labelled])
    return Stacked(measure, regression)


def _features(measure: Measure, each: Numbers) -> Numbers:
    if measure.classes is None:
        return np.asarray(each.T)
    return np.concatenate(list(np.log(np.maximum(each, LEAST))), axis=1)


def _softmax(logits: Numbers) -> Numbers:
    raised = np.exp(logits - logits.max())
    return np.asarray(raised / raised.sum())
