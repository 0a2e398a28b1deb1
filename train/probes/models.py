"""Models of scikit-learn, fitted to pooled tracks and kept as plain arrays.

Arrays are saved as safetensors, where scikit-learn's own files are pickles. Classes are predicted
one against the rest. Scores of models without probabilities become such by a sigmoid for each
class, fitted on the dev set (Platt 1999), and are scaled to a sum of 1 (Zadrozny and Elkan 2002).
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from features.specs.heads import ProbeSpec
from train.scoring.measure import Measure, Numbers

MAX_ITERATIONS = 2000
Arrays = dict[str, Numbers]


@dataclass(frozen=True)
class Model:
    """Scores `weights @ x + intercepts`, `weights (C, F)`, of standardised features x.

    With `support (K, D)` x are the features' similarities `exp(-gamma |features - support|²)`. Of
    classes the scores become probabilities by `sigmoids (C, 2)`, slope and offset of each; without
    these by a softmax.
    """

    weights: Numbers
    intercepts: Numbers
    support: Numbers | None = None
    gamma: float = 0.0
    sigmoids: Numbers | None = None

    def scores(self, features: Numbers) -> Numbers:
        """`(N, C)`."""
        return self._inputs(features) @ self.weights.T + self.intercepts

    def predict(self, measure: Measure, features: Numbers) -> Numbers:
        """Probabilities `(N, C)` or numbers `(N,)`."""
        scores = self.scores(features)
        if measure.classes is None:
            return scores[:, 0]
        if self.sigmoids is None:
            raised = np.exp(scores - scores.max(axis=1, keepdims=True))
        else:
            slopes, offsets = self.sigmoids.T
            # Above zero, so that there is something to scale where every class is unlikely.
            raised = np.exp(-np.logaddexp(0.0, -(slopes * scores + offsets))) + 1e-12
        return np.asarray(raised / raised.sum(axis=1, keepdims=True))

    def arrays(self) -> Arrays:
        """What it is made of, by name."""
        arrays = {"weights": self.weights, "intercepts": self.intercepts}
        if self.support is not None:
            arrays |= {"support": self.support, "gamma": np.array([self.gamma])}
        return arrays if self.sigmoids is None else {**arrays, "sigmoids": self.sigmoids}

    @classmethod
    def of(cls, arrays: Mapping[str, Numbers]) -> "Model":
        """The model that `arrays` was taken from."""
        values: dict[str, Any] = dict(arrays)
        if "gamma" in values:
            values["gamma"] = float(values["gamma"][0])
        return cls(**values)

    def _inputs(self, features: Numbers) -> Numbers:
        if self.support is None:
            return features
        from sklearn.metrics.pairwise import rbf_kernel

        return np.asarray(rbf_kernel(features, self.support, self.gamma))


def fitted_model(
    measure: Measure, spec: ProbeSpec, strength: float, features: Numbers, truth: Numbers
) -> Model:
    """A model of one measure, fitted to labelled utterances; without sigmoids."""
    if measure.classes is None:
        return _of_numbers(spec, strength, features, truth)
    weights = "balanced" if spec.class_weights == "balanced" else None
    if spec.model == "rbf-svm":
        return _kernel_machines(strength, weights, features, truth)
    # Imported here: commands that train no probe start sooner.
    from sklearn.linear_model import LogisticRegression, RidgeClassifier
    from sklearn.svm import LinearSVC

    estimator: Any
    if spec.model == "logistic":
        estimator = LogisticRegression(C=strength, max_iter=MAX_ITERATIONS, class_weight=weights)
    elif spec.model == "ridge":
        estimator = RidgeClassifier(alpha=1 / strength, class_weight=weights)
    else:
        estimator = LinearSVC(
            C=strength, class_weight=weights, max_iter=MAX_ITERATIONS, random_state=0
        )
    estimator.fit(features, truth)
    # A softmax of two scores is the sigmoid of their difference.
    share = 2 if spec.model == "logistic" else 1
    return _both_classes(np.atleast_2d(estimator.coef_), np.ravel(estimator.intercept_), share)


def _both_classes(coefficients: Numbers, intercepts: Numbers, share: int) -> Model:
    """Of two classes scikit-learn keeps only the weights of the second."""
    if len(coefficients) > 1:
        return Model(coefficients, intercepts)
    sides = np.array([[-1.0], [1.0]]) / share
    return Model(sides * coefficients, sides[:, 0] * intercepts[0])


def _of_numbers(spec: ProbeSpec, strength: float, features: Numbers, truth: Numbers) -> Model:
    from sklearn.linear_model import Ridge
    from sklearn.svm import SVR, LinearSVR

    if spec.model in ("logistic", "ridge"):
        ridge = Ridge(alpha=1 / strength).fit(features, truth)
        return Model(ridge.coef_[None], np.ravel(ridge.intercept_))
    # What a support vector machine may miss by is a share of a deviation, not of the label's unit.
    mean, spread = float(truth.mean()), float(truth.std()) or 1.0
    targets = (truth - mean) / spread
    if spec.model == "svm":
        linear = LinearSVR(C=strength, max_iter=MAX_ITERATIONS, random_state=0)
        linear.fit(features, targets)
        return Model(spread * linear.coef_[None], spread * np.ravel(linear.intercept_) + mean)
    gamma = _gamma(features)
    machine = SVR(C=strength, gamma=gamma).fit(features, targets)
    weights, intercepts = spread * machine.dual_coef_, spread * machine.intercept_ + mean
    return Model(weights, intercepts, machine.support_vectors_, gamma)


def _gamma(features: Numbers) -> float:
    """The width of the Gaussian kernel that scikit-learn calls ``scale``."""
    variance = float(features.var()) or 1.0
    return float(1 / (features.shape[1] * variance))


def _kernel_machines(
    strength: float, weights: str | None, features: Numbers, truth: Numbers
) -> Model:
    """One machine for each class against the rest, on one matrix of similarities."""
    from sklearn.metrics.pairwise import rbf_kernel
    from sklearn.svm import SVC

    gamma = _gamma(features)
    similarities = rbf_kernel(features, features, gamma)
    classes = np.unique(truth)
    coefficients, intercepts = np.zeros((len(classes), len(features))), np.zeros(len(classes))
    for row, number in enumerate(classes):
        machine = SVC(C=strength, kernel="precomputed", class_weight=weights)
        machine.fit(similarities, truth == number)
        coefficients[row, machine.support_] = machine.dual_coef_[0]
        intercepts[row] = machine.intercept_[0]
    used = coefficients.any(axis=0)
    return Model(coefficients[:, used], intercepts, features[used], gamma)


def with_probabilities(
    model: Model, features: Numbers, truth: Numbers, balanced: bool = False
) -> Model:
    """The model with a sigmoid for each class, fitted to labelled utterances of the dev set.

    `balanced`: each class weighs as much as all others, or rare ones would be lost again.
    """
    scores = model.scores(features)
    sigmoids = [_sigmoid(own, truth == number, balanced) for number, own in enumerate(scores.T)]
    return replace(model, sigmoids=np.array(sigmoids))


def _sigmoid(scores: Numbers, is_class: Numbers, balanced: bool) -> tuple[float, float]:
    """Slope and offset of Platt's sigmoid, whose targets are drawn a little towards each other."""
    from sklearn.linear_model import LogisticRegression

    count = int(is_class.sum())
    targets = np.where(is_class, (count + 1) / (count + 2), 1 / (len(scores) - count + 2))
    others = len(scores) - count
    weights = np.where(is_class, 1 / max(count, 1), 1 / max(others, 1)) * len(scores) / 2
    weights = weights if balanced else np.ones(len(scores))
    spread = float(scores.std()) or 1.0
    both = np.concatenate([scores, scores])[:, None] / spread
    sides = np.repeat([1, 0], len(scores))
    model = LogisticRegression(C=np.inf, max_iter=MAX_ITERATIONS)
    model.fit(
        both, sides, sample_weight=np.concatenate([weights * targets, weights * (1 - targets)])
    )
    return float(model.coef_[0, 0]) / spread, float(model.intercept_[0])
