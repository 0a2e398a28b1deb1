"""One training loop for every head and seed. The test part never comes in here."""

import copy
import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.optim.lr_scheduler import OneCycleLR, ReduceLROnPlateau

from features.head_specs import HeadSpec, TrainingSpec
from train.answers import Predictions
from train.dataset import Dataset, Part
from train.head import Head
from train.measures import Numbers, measures_of
from train.scoring import choice_score, part_scores

# Batches are cut from runs of this many batches' worth of shuffled, then sorted utterances.
BUCKET_BATCHES = 16
CLIP_NORM = 1.0
EVALUATION_BATCH = 256
# Numbers in a padded batch of evaluation, at most.
EVALUATION_VALUES = 2**26
Epoch = dict[str, float | int]


@dataclass(frozen=True)
class Fitted:
    """A trained head at its best epoch on dev, and the figures of every epoch."""

    head: Head
    best_epoch: int
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
        """Per measure probabilities `(N, C)` or numbers `(N,)`, in the dataset's order."""
        return predict(self.head, dataset)

    def state(self) -> dict[str, Tensor]:
        """The weights."""
        return self.head.state_dict()


def fit(
    spec: HeadSpec,
    facts: dict[str, dict[str, Any]],
    train: Part,
    dev: Part,
    seed: int,
    on_epoch: Callable[[Epoch], None] = lambda _: None,
) -> Fitted:
    """Train one head with one seed; the head that comes back is that of its best epoch on dev.

    Stops when `training.patience` epochs have passed without a better `choose_by` on dev.
    """
    torch.manual_seed(seed)
    head = build_head(spec, facts, train.dataset)
    head.standardise(train.dataset)
    measures = measures_of(spec, facts)
    targets = {name: task.targets(train.labels) for name, task in head.tasks.items()}  # type: ignore[operator]
    training = spec.training
    optimiser = torch.optim.AdamW(
        head.parameters(), lr=training.lr, weight_decay=training.weight_decay
    )
    schedule = _Schedule(optimiser, training, len(train.dataset))
    best_score, best_epoch, best_state = -math.inf, 0, copy.deepcopy(head.state_dict())
    epochs: list[Epoch] = []
    shuffle = torch.Generator().manual_seed(seed)
    for epoch in range(1, training.epochs + 1):
        loss = _train_epoch(head, train.dataset, targets, optimiser, schedule, shuffle, training)
        scores = part_scores(measures, predict(head, dev.dataset), dev.labels)
        score = choice_score(scores, training.choose_by)
        schedule.after_epoch(score)
        flat = {f"dev_{name}_{k}": v for name, s in scores.items() for k, v in s.items()}
        epochs.append({"seed": seed, "epoch": epoch, "train_loss": loss, **flat})
        if score > best_score:
            best_score, best_epoch = score, epoch
            best_state = copy.deepcopy(head.state_dict())
        on_epoch(epochs[-1])
        if epoch - best_epoch >= training.patience:
            break
    head.load_state_dict(best_state)
    return Fitted(head, best_epoch, epochs)


def build_head(spec: HeadSpec, facts: dict[str, dict[str, Any]], dataset: Dataset) -> Head:
    """A fresh head that fits the tracks of a dataset."""
    return Head(spec, {name: tracks.shape for name, tracks in dataset.tracks.items()}, facts)


def predict(head: Head, dataset: Dataset) -> dict[str, Numbers]:
    """Per measure probabilities `(N, C)` or numbers `(N,)`, in the dataset's order."""
    head.eval()
    outputs: dict[str, list[Tensor]] = {name: [] for name in head.tasks}
    order = torch.argsort(dataset.costs(), stable=True)
    predictions: dict[str, Numbers] = {}
    with torch.inference_mode():
        for rows in order.split(evaluation_batch(dataset)):
            for name, output in head(dataset.gather(rows)).items():
                outputs[name].append(output)
        back = torch.argsort(order)
        for name, blocks in outputs.items():
            told = head.tasks[name].predict(torch.cat(blocks)[back])  # type: ignore[operator]
            predictions.update({measure: values.numpy() for measure, values in told.items()})
    return predictions


def evaluation_batch(dataset: Dataset) -> int:
    """How many utterances are evaluated at a time, so that the longest fit into the memory."""
    largest = sum(
        int(tracks.lengths.max()) * tracks.shape[0] * tracks.shape[1]
        for tracks in dataset.tracks.values()
    )
    return max(1, min(EVALUATION_BATCH, EVALUATION_VALUES // max(1, largest)))


def _train_epoch(
    head: Head,
    dataset: Dataset,
    targets: dict[str, Tensor],
    optimiser: torch.optim.Optimizer,
    schedule: "_Schedule",
    shuffle: torch.Generator,
    training: TrainingSpec,
) -> float:
    head.train()
    total = 0.0
    for rows in bucketed(dataset.costs(), training.batch_size, shuffle):
        outputs = head(dataset.gather(rows))
        losses = [
            head.tasks[name].loss(output, targets[name][rows])  # type: ignore[operator]
            for name, output in outputs.items()
        ]
        loss = head.total(torch.stack(losses))
        optimiser.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(head.parameters(), CLIP_NORM)
        optimiser.step()
        schedule.after_batch()
        total += float(loss.detach()) * len(rows)
    return total / len(dataset)


def bucketed(costs: Tensor, batch_size: int, shuffle: torch.Generator) -> list[Tensor]:
    """Random batches of similar cost: all rows once, in a new order at every call."""
    order = torch.randperm(len(costs), generator=shuffle)
    batches: list[Tensor] = []
    for run in order.split(batch_size * BUCKET_BATCHES):
        batches += run[torch.argsort(costs[run], stable=True)].split(batch_size)
    return [batches[place] for place in torch.randperm(len(batches), generator=shuffle)]


class _Schedule:
    """The learning rate over a run: constant, one cycle, or halved on a plateau of dev."""

    def __init__(
        self, optimiser: torch.optim.Optimizer, training: TrainingSpec, num_utterances: int
    ) -> None:
        self.cycle: OneCycleLR | None = None
        self.plateau: ReduceLROnPlateau | None = None
        if training.schedule == "one-cycle":
            num_batches = -(-num_utterances // training.batch_size)
            self.cycle = OneCycleLR(
                optimiser, training.lr, total_steps=training.epochs * num_batches + 1
            )
        elif training.schedule == "plateau":
            self.plateau = ReduceLROnPlateau(
                optimiser, mode="max", factor=0.5, patience=max(1, training.patience // 3)
            )

    def after_batch(self) -> None:
        if self.cycle is not None:
            self.cycle.step()

    def after_epoch(self, score: float) -> None:
        if self.plateau is not None:
            self.plateau.step(score)
