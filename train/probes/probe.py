"""A probe: a scikit-learn model on pooled tracks.

It is a baseline: a head is worth its parameters only if it outperforms the probe.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from features.manifest import Label
from features.specs.heads import ProbeSpec
from train.data.dataset import Dataset, SplitData
from train.data.standardise import Moments, corpus_moments
from train.loop.tracking import Epoch
from train.model.head import Facts
from train.probes.models import Model, fitted_model, with_probabilities
from train.probes.pooled import pooled
from train.scoring.measure import Measure, Numbers, measures_of
from train.scoring.predictions import Predictions
from train.scoring.summaries import selection_score, split_scores

CORPUS = "corpus"


@dataclass(frozen=True)
class FittedProbe:
    """A probe with the strength selected on dev, and the figures of every strength.

    `corpus` are the moments of tracks that are standardised by speaker, `scale` mean and deviation
    of the pooled features.
    """

    spec: ProbeSpec
    measures: list[Measure]
    corpus: Mapping[str, Moments]
    scale: tuple[Numbers, Numbers]
    models: dict[str, Model]
    selected: float
    epochs: list[Epoch]

    @property
    def num_parameters(self) -> int:
        """How many numbers are fitted."""
        return sum(x.size for model in self.models.values() for x in model.arrays().values())

    def predict(self, dataset: Dataset) -> Predictions:
        """Per measure probabilities `(N, C)` or numbers `(N,)`, in the dataset's order."""
        features = _standardised(pooled(self.spec, dataset), self.scale)
        return _predict(self.measures, self.models, features)

    def state(self) -> dict[str, Tensor]:
        """The weights."""
        state = {"mean": self.scale[0], "std": self.scale[1]}
        for name, model in self.models.items():
            state |= {f"{name}.{part}": array for part, array in model.arrays().items()}
        tensors = {name: torch.from_numpy(np.ascontiguousarray(v)) for name, v in state.items()}
        for name, moments in self.corpus.items():
            tensors |= {f"{CORPUS}.{name}.{key}": v for key, v in moments._asdict().items()}
        return tensors


def fit_probe(
    spec: ProbeSpec,
    facts: Facts,
    train: SplitData,
    dev: SplitData,
    seed: int,
    on_epoch: Callable[[Epoch], None] = lambda _: None,
) -> FittedProbe:
    """Fit every strength on the training split and keep the best on dev."""
    measures = fitted_measures(spec, facts)
    raw = pooled(spec, train.dataset)
    scale = _scale(raw)
    selected = select_models(
        spec,
        measures,
        Pooled(_standardised(raw, scale), train.labels),
        Pooled(_standardised(pooled(spec, dev.dataset), scale), dev.labels),
        lambda epoch: on_epoch({"seed": seed, **epoch}),
    )
    epochs: list[Epoch] = [{"seed": seed, **epoch} for epoch in selected.epochs]
    corpus = corpus_moments(spec, train.dataset)
    models = selected.models
    return FittedProbe(spec, measures, corpus, scale, models, selected.strength, epochs)


@dataclass(frozen=True)
class Pooled:
    """Standardised vectors `(N, F)` of some utterances, and their labels."""

    features: Numbers
    labels: Sequence[Label]

    @classmethod
    def both(cls, train: "Pooled", dev: "Pooled") -> tuple["Pooled", "Pooled"]:
        """Vectors that are not standardised yet, by mean and deviation of the training split."""
        scale = _scale(train.features)
        one, other = (cls(_standardised(p.features, scale), p.labels) for p in (train, dev))
        return one, other


@dataclass(frozen=True)
class SelectedModels:
    """The models of the strength that is best on the dev set, and what they predict of it."""

    models: dict[str, Model]
    strength: float
    dev: Predictions
    epochs: list[Epoch]


def select_models(
    spec: ProbeSpec,
    measures: list[Measure],
    train: Pooled,
    dev: Pooled,
    on_epoch: Callable[[Epoch], None] = lambda _: None,
) -> SelectedModels:
    """Fit every strength on the training split and keep the best on the dev set."""
    best: tuple[float, float, dict[str, Model], Predictions] | None = None
    epochs: list[Epoch] = []
    for number, strength in enumerate(spec.strengths or [], 1):
        models, loss = {}, 0.0
        for measure in measures:
            of_train = measure.truth(train.labels)
            model = _fitted(measure, spec, strength, train.features, of_train)
            if measure.classes is not None and spec.model != "logistic":
                model = _with_probabilities(spec, measure, model, dev)
            models[measure.name] = model
            loss += _loss(measure, model, train.features, of_train)
        predicted = _predict(measures, models, dev.features)
        scores = split_scores(measures, predicted, dev.labels)
        score = selection_score(scores, spec.choose_by)
        flat = {f"dev_{name}_{k}": v for name, s in scores.items() for k, v in s.items()}
        epochs.append({"epoch": number, "train_loss": loss, **flat})
        if best is None or score > best[0]:
            best = (score, strength, models, predicted)
        on_epoch(epochs[-1])
    assert best is not None
    return SelectedModels(best[2], best[1], best[3], epochs)


def _with_probabilities(spec: ProbeSpec, measure: Measure, model: Model, dev: Pooled) -> Model:
    truth = measure.truth(dev.labels)
    labelled = measure.labelled(truth)
    balanced = spec.class_weights == "balanced"
    return with_probabilities(model, dev.features[labelled], truth[labelled], balanced=balanced)


def restored_probe(spec: ProbeSpec, facts: Facts, state: Mapping[str, Tensor]) -> FittedProbe:
    """The probe that `FittedProbe.state` was taken from; the selected strength is not in it."""
    measures = fitted_measures(spec, facts)
    arrays = {name: tensor.numpy() for name, tensor in state.items()}
    models = {
        m.name: Model.of(
            {
                name.removeprefix(f"{m.name}."): array
                for name, array in arrays.items()
                if name.startswith(f"{m.name}.")
            }
        )
        for m in measures
    }
    corpus = {
        name: Moments(state[f"{CORPUS}.{name}.mean"], state[f"{CORPUS}.{name}.std"])
        for name in spec.standardise
        if f"{CORPUS}.{name}.mean" in state
    }
    scale = arrays["mean"], arrays["std"]
    return FittedProbe(spec, measures, corpus, scale, models, math.nan, [])


def _fitted(
    measure: Measure, spec: ProbeSpec, strength: float, features: Numbers, truth: Numbers
) -> Model:
    labelled = measure.labelled(truth)
    return fitted_model(measure, spec, strength, features[labelled], truth[labelled])


def _loss(measure: Measure, model: Model, features: Numbers, truth: Numbers) -> float:
    """Log loss, or the mean squared error, of the labelled utterances."""
    from sklearn.metrics import log_loss

    labelled = measure.labelled(truth)
    predicted, true = model.predict(measure, features[labelled]), truth[labelled]
    if measure.classes is None:
        return float(np.mean((predicted - true) ** 2))
    return float(log_loss(true, predicted, labels=list(range(len(measure.classes)))))


def _scale(features: Numbers) -> tuple[Numbers, Numbers]:
    """Mean and deviation of each feature over the tracks that are not missing; 1 where constant.

    With them a missing track becomes the mean track.
    """
    count = np.maximum(np.isfinite(features).sum(axis=0), 1).astype(features.dtype)
    mean = np.nansum(features, axis=0) / count
    std = np.sqrt(np.nansum((features - mean) ** 2, axis=0) / count)
    return mean, np.where(std > 0, std, 1.0)


def _standardised(features: Numbers, scale: tuple[Numbers, Numbers]) -> Numbers:
    return np.nan_to_num((features - scale[0]) / scale[1], nan=0.0)


def fitted_measures(spec: ProbeSpec, facts: Facts) -> list[Measure]:
    """Those that a model is fitted for; votes are predicted by the probabilities of their class."""
    return [measure for measure in measures_of(spec, facts) if measure.kind != "votes"]


def _predict(measures: list[Measure], models: dict[str, Model], features: Numbers) -> Predictions:
    predictions = {m.name: models[m.name].predict(m, features) for m in measures}
    votes = {f"{m.name}_votes": predictions[m.name] for m in measures if m.classes is not None}
    return {**predictions, **votes}
