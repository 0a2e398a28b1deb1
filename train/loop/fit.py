"""One training loop for every head and seed. The test part never comes in here."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor

from features.specs.heads import HeadSpec
from train.data.dataset import CPU, Dataset, Part
from train.loop.checkpoint import Checkpoint
from train.loop.difficulty import by_class_frequency, by_first_model, by_vad
from train.loop.epoch import Epoch
from train.loop.loop import Loop
from train.loop.predict import predict
from train.model.head import Head
from train.scoring.measure import measures_of
from train.scoring.predictions import Predictions

State = dict[str, Tensor]


@dataclass(frozen=True)
class Fitted:
    """A trained head at its best epoch on dev, and the figures of every epoch.

    `best_score` is what was chosen by, the larger the better: an error is negative.
    """

    head: Head
    best_epoch: int
    best_score: float
    epochs: list[Epoch]

    @property
    def chosen(self) -> float:
        """What was chosen on dev: the epoch."""
        return self.best_epoch

    @property
    def num_parameters(self) -> int:
        """How many numbers are trained."""
        return sum(parameter.numel() for parameter in self.head.parameters())

    def predict(self, dataset: Dataset) -> Predictions:
        """What each measure says it predicts, `(N, ...)`, in the dataset's order."""
        return predict(self.head, dataset)

    def state(self) -> State:
        """The weights."""
        return self.head.state_dict()


def fit(
    spec: HeadSpec,
    facts: dict[str, dict[str, Any]],
    train: Part,
    dev: Part,
    seed: int,
    on_epoch: Callable[[Epoch], None] = lambda _: None,
    checkpoint: Checkpoint | None = None,
    start: State | None = None,
    device: torch.device = CPU,
) -> Fitted:
    """Train one head with one seed; the head that comes back is that of its best epoch on dev.

    Stops when `training.patience` epochs have passed without a better `choose_by` on dev. With a
    `checkpoint`, a training that was interrupted goes on where it stood, to the same numbers.
    `start` are the weights of another head to begin with.
    """
    checkpoint = checkpoint or Checkpoint()
    saved = checkpoint.read()
    if saved is None:
        difficulty = _difficulty(spec, facts, train, dev, seed, device)
    else:
        difficulty = saved["difficulty"]
    loop = Loop(spec, facts, train, dev, seed, difficulty, start, device)
    if saved is not None:
        loop.restore(saved)
        for epoch in loop.epochs:
            on_epoch(epoch)
    while not loop.finished:
        loop.run_epoch()
        on_epoch(loop.epochs[-1])
        if checkpoint.due() or loop.finished:
            checkpoint.write(loop.state())
    loop.head.load_state_dict(loop.best_state)
    return Fitted(loop.head, loop.best_epoch, loop.best_score, loop.epochs)


def _difficulty(
    spec: HeadSpec,
    facts: dict[str, dict[str, Any]],
    train: Part,
    dev: Part,
    seed: int,
    device: torch.device,
) -> Tensor | None:
    """How difficult each training utterance is, as `training.difficulty` says."""
    source = spec.training.difficulty
    if source == "none":
        return None
    if source == "first-model":
        plain = replace(spec.training, difficulty="none", curriculum=None, scale_loss=0.0)
        first = fit(replace(spec, training=plain), facts, train, dev, seed, device=device)
        told = first.predict(train.dataset)
        return by_first_model(measures_of(spec, facts), told, train.labels)
    classes = [m.name for m in measures_of(spec, facts) if m.kind == "classes"]
    by_labels = by_vad if source == "vad" else by_class_frequency
    return by_labels(train.labels, classes[0] if classes else "emotion")
