"""A probe: a model of scikit-learn on pooled tracks.

A baseline: a head is worth its parameters where it is better than the probe.
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

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
    measures = _fitted_measures(spec, facts)
    raw = pooled(spec, train.dataset)
    scale = _scale(raw)
    features = _standardised(raw, scale)
    dev_features = _standardised(pooled(spec, dev.dataset), scale)
    best: tuple[float, float, dict[str, Model]] | None = None
    epochs: list[Epoch] = []
    for number, strength in enumerate(spec.strengths or [], 1):
        models, loss = {}, 0.0
        for measure in measures:
            of_train, of_dev = measure.truth(train.labels), measure.truth(dev.labels)
            model = _fitted(measure, spec, strength, features, of_train)
            if measure.classes is not None and spec.model != "logistic":
                labelled = measure.labelled(of_dev)
                model = with_probabilities(
                    model,
                    dev_features[labelled],
                    of_dev[labelled],
                    balanced=spec.class_weights == "balanced",
                )
            models[measure.name] = model
            loss += _loss(measure, model, features, of_train)
        scores = split_scores(measures, _predict(measures, models, dev_features), dev.labels)
        score = selection_score(scores, spec.choose_by)
        flat = {f"dev_{name}_{k}": v for name, s in scores.items() for k, v in s.items()}
        epochs.append({"seed": seed, "epoch": number, "train_loss": loss, **flat})
        if best is None or score > best[0]:
            best = (score, strength, models)
        on_epoch(epochs[-1])
    assert best is not None
    corpus = corpus_moments(spec, train.dataset)
    return FittedProbe(spec, measures, corpus, scale, best[2], best[1], epochs)


def restored_probe(spec: ProbeSpec, facts: Facts, state: Mapping[str, Tensor]) -> FittedProbe:
    """The probe that `FittedProbe.state` was taken from; the selected strength is not in it."""
    measures = _fitted_measures(spec, facts)
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
    count = np.maximum(np.isfinite(features).sum(axis=0), 1)
    mean = np.nansum(features, axis=0) / count
    std = np.sqrt(np.nansum((features - mean) ** 2, axis=0) / count)
    return mean, np.where(std > 0, std, 1.0)


def _standardised(features: Numbers, scale: tuple[Numbers, Numbers]) -> Numbers:
    return np.nan_to_num((features - scale[0]) / scale[1], nan=0.0)


def _fitted_measures(spec: ProbeSpec, facts: Facts) -> list[Measure]:
    """Those that a model is fitted for; votes are predicted by the probabilities of their class."""
    return [measure for measure in measures_of(spec, facts) if measure.kind != "votes"]


def _predict(measures: list[Measure], models: dict[str, Model], features: Numbers) -> Predictions:
    predictions = {m.name: models[m.name].predict(m, features) for m in measures}
    votes = {f"{m.name}_votes": predictions[m.name] for m in measures if m.classes is not None}
    return {**predictions, **votes}
