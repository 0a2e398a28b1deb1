"""Trains one head with one seed. The test set is never an argument of anything in here."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor

from features.errors import ProjectError
from features.specs.heads import HeadSpec
from train.data.dataset import CPU, Dataset, SplitData
from train.loop.checkpoint import Checkpoint
from train.loop.difficulty import by_class_frequency, by_first_model, by_vad
from train.loop.predict import predict
from train.loop.tracking import Epoch
from train.loop.training_loop import TrainingLoop
from train.model.contracts import Networks
from train.model.head import NO_NETWORKS, Head
from train.scoring.measure import measures_of
from train.scoring.predictions import Predictions

State = dict[str, Tensor]
NOTHING: Mapping[str, Tensor] = {}


@dataclass(frozen=True)
class Fitted:
    """A trained head at its best epoch on dev, and the figures of every epoch.

    `best_score` is the figure it was selected by, larger is better: an error is negative.
    """

    head: Head
    best_epoch: int
    best_score: float
    epochs: list[Epoch]

    @property
    def selected(self) -> float:
        """What was selected on dev: the epoch."""
        return self.best_epoch

    @property
    def num_parameters(self) -> int:
        """How many numbers are trained."""
        return sum(parameter.numel() for parameter in self.head.parameters())

    def predict(self, dataset: Dataset) -> Predictions:
        """Predictions of each measure `(N, ...)`, in the dataset's order."""
        return predict(self.head, dataset)

    def state(self) -> State:
        """The weights."""
        return self.head.state_dict()


def fit(
    spec: HeadSpec,
    facts: dict[str, dict[str, Any]],
    train: SplitData,
    dev: SplitData,
    seed: int,
    on_epoch: Callable[[Epoch], None] = lambda _: None,
    checkpoint: Checkpoint | None = None,
    start: State | None = None,
    device: torch.device = CPU,
    networks: Networks = NO_NETWORKS,
    taught: Mapping[str, Tensor] = NOTHING,
) -> Fitted:
    """Train one head with one seed; returns the head of its best epoch on dev.

    Stops when `training.patience` epochs have passed without a better `choose_by` on dev. With a
    `checkpoint`, an interrupted training resumes where it stopped, with the same numbers.
    `start` are the weights of another head to start from, `networks` (by modality) the frozen
    network's layers that temporal encoders are made of, `taught` what another head predicts for the
    training utterances `(N, C)`, by the objective that learns from it.
    """
    if spec.teacher and not taught:
        raise ProjectError(
            f"{spec.where} learns from the answers of {spec.teacher!r}, which fit was not given"
        )
    checkpoint = checkpoint or Checkpoint()
    saved = checkpoint.read()
    if saved is None:
        difficulty = _difficulty(spec, facts, train, dev, seed, device, networks, taught)
    else:
        difficulty = saved["difficulty"]
    training = TrainingLoop(
        spec, facts, train, dev, seed, difficulty, start, device, networks, taught
    )
    if saved is not None:
        training.restore(saved)
        for epoch in training.epochs:
            on_epoch(epoch)
    while not training.finished:
        training.run_epoch()
        on_epoch(training.epochs[-1])
        if checkpoint.due() or training.finished:
            checkpoint.write(training.state())
    training.head.load_state_dict(training.best_state)
    return Fitted(training.head, training.best_epoch, training.best_score, training.epochs)


def _difficulty(
    spec: HeadSpec,
    facts: dict[str, dict[str, Any]],
    train: SplitData,
    dev: SplitData,
    seed: int,
    device: torch.device,
    networks: Networks,
    taught: Mapping[str, Tensor],
) -> Tensor | None:
    """How difficult each training utterance is, as `training.difficulty` says."""
    source = spec.training.difficulty
    if source == "none":
        return None
    if source == "first-model":
        plain = replace(spec.training, difficulty="none", curriculum=None, scale_loss=0.0)
        spec_of_first = replace(spec, training=plain)
        first = fit(
            spec_of_first, facts, train, dev, seed, device=device, networks=networks, taught=taught
        )
        predictions = first.predict(train.dataset)
        return by_first_model(measures_of(spec, facts), predictions, train.labels)
    classes = [m.name for m in measures_of(spec, facts) if m.kind == "classes"]
    by_labels = by_vad if source == "vad" else by_class_frequency
    return by_labels(train.labels, classes[0] if classes else "emotion")
