"""The state of one training, and one epoch of it."""

import copy
import math
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from features.errors import ProjectError
from features.specs.heads import HeadSpec
from train.data.batches import BatchItems, bucketed, shortest_run
from train.data.dataset import SplitData
from train.loop.batch_loss import batch_loss
from train.loop.optimiser import Average, Schedule, optimiser_of, parameter_groups, with_weights
from train.loop.pacing import dropout_at, easiest, epoch_steps, num_scheduled, set_dropout
from train.loop.predict import build_head, gathered, outputs_of, predictions_of, turns_of
from train.loop.tracking import Epoch
from train.model.contracts import Networks, Objective, Task
from train.model.head import NO_NETWORKS
from train.model.taking import take_weights
from train.scoring.measure import measures_of
from train.scoring.summaries import selection_score, split_scores


class TrainingLoop:
    """A head, its optimiser and everything else that one more epoch changes."""

    def __init__(
        self,
        spec: HeadSpec,
        facts: dict[str, dict[str, Any]],
        train: SplitData,
        dev: SplitData,
        seed: int,
        difficulty: Tensor | None,
        start: dict[str, Tensor] | None,
        device: torch.device,
        networks: Networks = NO_NETWORKS,
        taught: Mapping[str, Tensor] | None = None,
    ) -> None:
        torch.manual_seed(seed)
        self.spec, self.training, self.seed = spec, spec.training, seed
        self.train = replace(train, dataset=train.dataset.on(device))
        self.dev = replace(dev, dataset=dev.dataset.on(device))
        self.device, self.difficulty = device, difficulty
        self.measures = measures_of(spec, facts)
        self.head = build_head(spec, facts, train.dataset, networks)
        self.head.take_moments(train.dataset)
        if start is not None:
            self.head.load_state_dict(take_weights(self.head.state_dict(), start, spec))
        learners: dict[str, Task | Objective] = {**self.head.tasks, **self.head.objectives}
        # Before the head goes to the device: tasks compute them with their own buffers.
        targets = {name: learner.targets(train.labels) for name, learner in learners.items()}
        targets |= taught or {}
        self.head.to(device)
        self.targets = {name: values.to(device) for name, values in targets.items()}
        self.items = BatchItems(train.dataset, whole=spec.dialogue is not None)
        self.costs = self.items.sums(train.dataset.costs())
        self._hardness = None if difficulty is None else self._of_items(difficulty)
        # Whole dialogues differ in every length: sorting them would save no padding.
        whole = spec.dialogue is not None
        self.sorted_batches = 1 if whole else shortest_run(self.costs, self.training.batch_size)
        self.optimiser = optimiser_of(self.training, parameter_groups(self.head, self.training.lr))
        self.schedule = Schedule(
            self.optimiser, self.training, epoch_steps(self.training, self.items.count)
        )
        decay = self.training.average
        self.average = Average(self.head, decay) if decay else None
        self.shuffle = torch.Generator().manual_seed(seed)
        self.epochs: list[Epoch] = []
        self.best_score, self.best_epoch = -math.inf, 0
        self.best_state: dict[str, Tensor] = {}

    @property
    def finished(self) -> bool:
        """Whether all epochs are over, or too many since the best one."""
        done = len(self.epochs)
        since = max(self.best_epoch, self.training.paced_epochs)
        waited = done - since >= self.training.patience
        return done >= self.training.epochs or (done > 0 and waited)

    def run_epoch(self) -> None:
        """Train on what the curriculum schedules of the training split, then evaluate on dev."""
        epoch = len(self.epochs) + 1
        set_dropout(self.head, dropout_at(self.training, self.spec.dropout, epoch))
        items = self._scheduled(epoch)
        loss = self._train(items)
        if not math.isfinite(loss):
            raise ProjectError(
                f"{self.spec.where}: the loss of epoch {epoch} with seed "
                f"{self.seed} is {loss}; lower training.lr, or set training.clip_norm"
            )
        with with_weights(self.head, self.average.values if self.average else None):
            outputs = outputs_of(self.head, self.dev.dataset)
            for name, task in self.head.tasks.items():
                task.select_on_dev(outputs[name], self.dev.labels)
            scores = split_scores(
                self.measures, predictions_of(self.head, outputs), self.dev.labels
            )
            score = selection_score(scores, self.training.choose_by)
            if score > self.best_score or not self.best_state:
                self.best_score, self.best_epoch = score, epoch
                self.best_state = copy.deepcopy(self.head.state_dict())
        self.schedule.after_epoch(score)
        flat = {f"dev_{name}_{k}": v for name, s in scores.items() for k, v in s.items()}
        figures = {"seed": self.seed, "epoch": epoch, "train_loss": loss, **flat}
        self.epochs.append({**figures, **self._pacing(items, epoch)})

    def state(self) -> dict[str, Any]:
        """All that is needed to resume, with the same numbers as without a break."""
        return {
            "difficulty": self.difficulty,
            "head": self.head.state_dict(),
            "optimiser": self.optimiser.state_dict(),
            "schedule": self.schedule.state(),
            "average": self.average.state() if self.average else None,
            "shuffle": self.shuffle.get_state(),
            "random": [torch.get_rng_state(), *self._device_random()],
            "epochs": self.epochs,
            "best": [self.best_score, self.best_epoch, self.best_state],
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Restore a saved state."""
        self.head.load_state_dict(state["head"])
        self.optimiser.load_state_dict(state["optimiser"])
        self.schedule.restore(state["schedule"])
        if self.average:
            self.average.restore(state["average"])
        self.shuffle.set_state(state["shuffle"])
        torch.set_rng_state(state["random"][0])
        for gpu_state in state["random"][1:]:
            torch.cuda.set_rng_state(gpu_state, self.device)
        self.epochs = state["epochs"]
        self.best_score, self.best_epoch, self.best_state = state["best"]

    def _device_random(self) -> list[Tensor]:
        """The random state of its own GPU alone; a run may resume where there are others."""
        on_gpu = self.device.type == "cuda"
        return [torch.cuda.get_rng_state(self.device)] if on_gpu else []

    def _scheduled(self, epoch: int) -> Tensor:
        """The items of the training split that an epoch is trained on."""
        total = self.items.count
        return easiest(self._hardness, num_scheduled(self.training.curriculum, epoch, total), total)

    def _of_items(self, difficulty: Tensor) -> Tensor:
        """How difficult each item is: the mean over its labelled utterances."""
        labels = self.train.labels
        labelled = np.stack([m.labelled(m.truth(labels)) for m in self.measures]).any(axis=0)
        return self.items.means(difficulty, torch.from_numpy(labelled))

    def _train(self, items: Tensor) -> float:
        """One pass over some items of the training split; the mean loss of an utterance."""
        self.head.train()
        training, total = self.training, torch.zeros((), device=self.device)
        batches_of_items = bucketed(
            self.costs[items], training.batch_size, self.shuffle, self.sorted_batches
        )
        batches = [self.items.rows(items[batch]) for batch in batches_of_items]
        for first in range(0, len(batches), training.accumulate):
            group = batches[first : first + training.accumulate]
            size = sum(len(batch) for batch in group)
            self.optimiser.zero_grad()
            for batch in group:
                loss = self.loss(batch)
                (loss * (len(batch) / size)).backward()
                total += loss.detach() * len(batch)
            if training.clip_norm is not None:
                torch.nn.utils.clip_grad_norm_(self.head.parameters(), training.clip_norm)
            self.optimiser.step()
            self.schedule.after_step()
            if self.average:
                self.average.update(self.head)
        return float(total) / sum(len(batch) for batch in batches)

    def loss(self, rows: Tensor) -> Tensor:
        """The loss of a batch of training utterances, as training sees them."""
        dataset, on_device = self.train.dataset, rows.to(self.device, non_blocking=True)
        difficulty = None if self.difficulty is None else self.difficulty[rows].to(self.device)
        return batch_loss(
            self.head,
            self.training,
            gathered(dataset, rows, self.device, self.head),
            turns_of(dataset, rows, self.device, self.head),
            {name: values[on_device] for name, values in self.targets.items()},
            difficulty,
        )

    def _pacing(self, items: Tensor, epoch: int) -> dict[str, float]:
        """What the curriculum and the dropout schedule did in an epoch, where there are some."""
        figures: dict[str, float] = {}
        if self.training.curriculum is not None and self.difficulty is not None:
            figures["train_share"] = len(items) / self.items.count
            figures["train_difficulty"] = float(self.difficulty[self.items.rows(items)].mean())
        if self.training.raise_dropout is not None:
            figures["dropout"] = dropout_at(self.training, self.spec.dropout, epoch)
        return figures
