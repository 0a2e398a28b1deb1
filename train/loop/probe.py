"""A linear probe: logistic or ridge regression on pooled tracks, with scikit-learn.

A baseline: a head is worth its parameters where it is better than the probe.
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from features.specs.heads import ProbeSpec
from train.data.dataset import Dataset, SplitData
from train.data.masking import Padded, masked_mean, masked_std
from train.loop.predict import evaluation_batch
from train.loop.tracking import Epoch
from train.scoring.measure import Measure, Numbers, measures_of
from train.scoring.predictions import Predictions
from train.scoring.summaries import selection_score, split_scores

MAX_ITERATIONS = 2000


@dataclass(frozen=True)
class Linear:
    """Weights `(outputs, features)` and intercepts `(outputs,)` on standardised features."""

    weights: Numbers
    intercepts: Numbers

    def predict(self, measure: Measure, features: Numbers) -> Numbers:
        """Probabilities `(N, C)` or numbers `(N,)`."""
        outputs = features @ self.weights.T + self.intercepts
        if measure.classes is None:
            return outputs[:, 0]
        raised = np.exp(outputs - outputs.max(axis=1, keepdims=True))
        return np.asarray(raised / raised.sum(axis=1, keepdims=True))


@dataclass(frozen=True)
class FittedProbe:
    """A probe with the strength selected on dev, and the figures of every strength."""

    spec: ProbeSpec
    measures: list[Measure]
    scale: tuple[Numbers, Numbers]
    linears: dict[str, Linear]
    selected: float
    epochs: list[Epoch]

    @property
    def num_parameters(self) -> int:
        """How many numbers are fitted."""
        return sum(x.weights.size + x.intercepts.size for x in self.linears.values())

    def predict(self, dataset: Dataset) -> Predictions:
        """Per measure probabilities `(N, C)` or numbers `(N,)`, in the dataset's order."""
        features = _standardised(pooled(self.spec, dataset), self.scale)
        return _predict(self.measures, self.linears, features)

    def state(self) -> dict[str, Tensor]:
        """The weights."""
        state = {"mean": self.scale[0], "std": self.scale[1]}
        for name, linear in self.linears.items():
            state |= {f"{name}.weights": linear.weights, f"{name}.intercepts": linear.intercepts}
        return {name: torch.from_numpy(np.ascontiguousarray(v)) for name, v in state.items()}


def fit_probe(
    spec: ProbeSpec,
    facts: dict[str, dict[str, Any]],
    train: SplitData,
    dev: SplitData,
    seed: int,
    on_epoch: Callable[[Epoch], None] = lambda _: None,
) -> FittedProbe:
    """Fit every strength on the training split and keep the best on dev."""
    measures = measures_of(spec, facts)
    raw = pooled(spec, train.dataset)
    scale = _scale(raw)
    features = _standardised(raw, scale)
    dev_features = _standardised(pooled(spec, dev.dataset), scale)
    best: tuple[float, float, dict[str, Linear]] | None = None
    epochs: list[Epoch] = []
    for number, strength in enumerate(spec.strengths, 1):
        fitted = [_fit(m, spec, strength, features, m.truth(train.labels)) for m in measures]
        linears = {m.name: linear for m, (linear, _) in zip(measures, fitted, strict=True)}
        scores = split_scores(measures, _predict(measures, linears, dev_features), dev.labels)
        score = selection_score(scores, spec.choose_by)
        flat = {f"dev_{name}_{k}": v for name, s in scores.items() for k, v in s.items()}
        loss = sum(loss for _, loss in fitted)
        epochs.append({"seed": seed, "epoch": number, "train_loss": loss, **flat})
        if best is None or score > best[0]:
            best = (score, strength, linears)
        on_epoch(epochs[-1])
    assert best is not None
    return FittedProbe(spec, measures, scale, best[2], best[1], epochs)


def restored_probe(
    spec: ProbeSpec, facts: dict[str, dict[str, Any]], state: Mapping[str, Tensor]
) -> FittedProbe:
    """The probe that `FittedProbe.state` was taken from; the selected strength is not in it."""
    measures = measures_of(spec, facts)
    arrays = {name: tensor.numpy() for name, tensor in state.items()}
    linears = {
        m.name: Linear(arrays[f"{m.name}.weights"], arrays[f"{m.name}.intercepts"])
        for m in measures
    }
    return FittedProbe(spec, measures, (arrays["mean"], arrays["std"]), linears, math.nan, [])


def pooled(spec: ProbeSpec, dataset: Dataset) -> Numbers:
    """The mean of each track over steps, layers side by side; NaN where there is no track.

    With `pooling: statistics` the standard deviations follow the means.
    """
    rows = torch.arange(len(dataset)).split(evaluation_batch(dataset))
    return np.concatenate([_vectors(spec, dataset.gather(batch)) for batch in rows])


def _vectors(spec: ProbeSpec, tracks: dict[str, Padded]) -> Numbers:
    vectors = []
    for track in tracks.values():
        flat = Padded(track.values.flatten(2), track.mask)
        statistics = [masked_mean(flat)]
        statistics += [masked_std(flat)] if spec.pooling == "statistics" else []
        vectors += [torch.where(flat.present[:, None], v, torch.nan) for v in statistics]
    return np.asarray(torch.cat(vectors, dim=1).double().numpy())


def _scale(features: Numbers) -> tuple[Numbers, Numbers]:
    """Mean and deviation of each feature over the tracks that are not missing; 1 where constant.

    With them a missing track becomes the mean track.
    """
    count = np.maximum(np.isfinite(features).sum(axis=0), 1)
    mean = np.nansum(features, axis=0) / count
    std = np.sqrt(np.nansum((features - mean) ** 2, axis=0) / count)
    return mean, np.where(std > 0, std, 1.0)


def _standardised(features: Numbers, scale: tuple[Numbers, Numbers]) -> Numbers:
    return np.nan_to_num((features - scale[0]) / scale[1], nan=0.0)


def _predict(measures: list[Measure], linears: dict[str, Linear], features: Numbers) -> Predictions:
    return {m.name: linears[m.name].predict(m, features) for m in measures}


def _fit(
    measure: Measure, spec: ProbeSpec, strength: float, features: Numbers, truth: Numbers
) -> tuple[Linear, float]:
    """A linear model of one measure, and its loss on the training split."""
    # Imported here: commands that train no probe start sooner.
    from sklearn.linear_model import LogisticRegression, Ridge
    from sklearn.metrics import log_loss

    labelled = measure.labelled(truth)
    x, y = features[labelled], truth[labelled]
    if measure.classes is None:
        ridge = Ridge(alpha=1 / strength).fit(x, y)
        loss = float(np.mean((ridge.predict(x) - y) ** 2))
        return Linear(ridge.coef_[None], np.array([ridge.intercept_])), loss
    balanced = "balanced" if spec.class_weights == "balanced" else None
    model = LogisticRegression(C=strength, max_iter=MAX_ITERATIONS, class_weight=balanced)
    model.fit(x, y)
    loss = float(log_loss(y, model.predict_proba(x), labels=model.classes_))
    if len(measure.classes) > 2:
        return Linear(model.coef_, model.intercept_), loss
    # Of two classes scikit-learn keeps only the weights of the second.
    weights, intercepts = model.coef_[0], model.intercept_[0]
    return Linear(np.stack([-weights, weights]) / 2, np.array([-intercepts, intercepts]) / 2), loss
