"""The state of one training, and one epoch of it."""

import copy
import math
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from features.errors import ProjectError
from features.specs.heads import HeadSpec
from train.data.batches import bucketed, num_steps, shortest_run
from train.data.dataset import Part
from train.data.units import Units
from train.loop.batch_loss import batch_loss
from train.loop.curriculum import easiest, num_seen
from train.loop.dropout import dropout_at, set_dropout
from train.loop.epoch import Epoch
from train.loop.optimiser import Average, Schedule, optimiser_of, with_weights
from train.loop.predict import build_head, outputs_of, told
from train.runs.warm_start import take_weights
from train.scoring.measure import measures_of
from train.scoring.summaries import choice_score, part_scores


class Loop:
    """A head, its optimiser and everything else that one more epoch changes."""

    def __init__(
        self,
        spec: HeadSpec,
        facts: dict[str, dict[str, Any]],
        train: Part,
        dev: Part,
        seed: int,
        difficulty: Tensor | None,
        start: dict[str, Tensor] | None,
        device: torch.device,
    ) -> None:
        torch.manual_seed(seed)
        self.spec, self.training, self.seed = spec, spec.training, seed
        self.train = replace(train, dataset=train.dataset.on(device))
        self.dev = replace(dev, dataset=dev.dataset.on(device))
        self.device, self.difficulty = device, difficulty
        self.measures = measures_of(spec, facts)
        self.head = build_head(spec, facts, train.dataset)
        self.head.take_moments(train.dataset)
        if start is not None:
            self.head.load_state_dict(take_weights(self.head.state_dict(), start, spec))
        self.head.to(device)
        outputs = {**self.head.tasks, **self.head.objectives}
        self.targets = {n: part.targets(train.labels).to(device) for n, part in outputs.items()}  # type: ignore[operator]
        self.units = Units(train.dataset, whole=spec.dialogue is not None)
        self.costs = self.units.sums(train.dataset.costs())
        self._hardness = None if difficulty is None else self._of_units(difficulty)
        # Whole dialogues differ in every length: sorting them would save no padding.
        random = spec.dialogue is not None
        self.run = 1 if random else shortest_run(self.costs, self.training.batch_size)
        self.optimiser = optimiser_of(self.training, self.head.parameters())
        self.schedule = Schedule(self.optimiser, self.training, self._epoch_steps())
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
        """Train on what the curriculum shows of the training part, then look at dev."""
        epoch = len(self.epochs) + 1
        set_dropout(self.head, dropout_at(self.training, self.spec.dropout, epoch))
        units = self._seen(epoch)
        loss = self._train(units)
        if not math.isfinite(loss):
            raise ProjectError(
                f"{self.spec.where}: the loss of epoch {epoch} with seed "
                f"{self.seed} is {loss}; lower training.lr, or set training.clip_norm"
            )
        with with_weights(self.head, self.average.values if self.average else None):
            outputs = outputs_of(self.head, self.dev.dataset)
            for name, task in self.head.tasks.items():
                task.settle(outputs[name], self.dev.labels)  # type: ignore[operator]
            scores = part_scores(self.measures, told(self.head, outputs), self.dev.labels)
            score = choice_score(scores, self.training.choose_by)
            if score > self.best_score or not self.best_state:
                self.best_score, self.best_epoch = score, epoch
                self.best_state = copy.deepcopy(self.head.state_dict())
        self.schedule.after_epoch(score)
        flat = {f"dev_{name}_{k}": v for name, s in scores.items() for k, v in s.items()}
        known = {"seed": self.seed, "epoch": epoch, "train_loss": loss, **flat}
        self.epochs.append({**known, **self._paced(units, epoch)})

    def state(self) -> dict[str, Any]:
        """All that is needed to go on as if nothing had happened."""
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
        """Go on from where another stood."""
        self.head.load_state_dict(state["head"])
        self.optimiser.load_state_dict(state["optimiser"])
        self.schedule.restore(state["schedule"])
        if self.average:
            self.average.restore(state["average"])
        self.shuffle.set_state(state["shuffle"])
        torch.set_rng_state(state["random"][0])
        for own in state["random"][1:]:
            torch.cuda.set_rng_state(own, self.device)
        self.epochs = state["epochs"]
        self.best_score, self.best_epoch, self.best_state = state["best"]

    def _device_random(self) -> list[Tensor]:
        """The random state of its own GPU alone; a run may go on where there are others."""
        on_gpu = self.device.type == "cuda"
        return [torch.cuda.get_rng_state(self.device)] if on_gpu else []

    def _seen(self, epoch: int) -> Tensor:
        """The units of the training part that an epoch sees."""
        total = self.units.count
        return easiest(self._hardness, num_seen(self.training.curriculum, epoch, total), total)

    def _of_units(self, difficulty: Tensor) -> Tensor:
        """How difficult each unit is: the mean over its labelled utterances."""
        labels = self.train.labels
        known = np.stack([m.known(m.truth(labels)) for m in self.measures]).any(axis=0)
        return self.units.means(difficulty, torch.from_numpy(known))

    def _train(self, units: Tensor) -> float:
        """One pass over some units of the training part; the mean loss of an utterance."""
        self.head.train()
        training, total = self.training, torch.zeros((), device=self.device)
        drawn = bucketed(self.costs[units], training.batch_size, self.shuffle, self.run)
        batches = [self.units.rows(units[batch]) for batch in drawn]
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
        dataset, there = self.train.dataset, rows.to(self.device, non_blocking=True)
        hard = None if self.difficulty is None else self.difficulty[rows].to(self.device)
        return batch_loss(
            self.head,
            self.training,
            dataset.gather(rows, self.device),
            dataset.turns(rows, self.device),
            {name: values[there] for name, values in self.targets.items()},
            hard,
        )

    def _epoch_steps(self) -> list[int]:
        """Steps of the optimiser in each epoch."""
        training = self.training
        return [
            num_steps(
                num_seen(training.curriculum, epoch, self.units.count),
                training.batch_size,
                training.accumulate,
            )
            for epoch in range(1, training.epochs + 1)
        ]

    def _paced(self, units: Tensor, epoch: int) -> dict[str, float]:
        """What the curriculum and the dropout schedule did in an epoch, where there are some."""
        told: dict[str, float] = {}
        if self.training.curriculum is not None and self.difficulty is not None:
            told["train_share"] = len(units) / self.units.count
            told["train_difficulty"] = float(self.difficulty[self.units.rows(units)].mean())
        if self.training.raise_dropout is not None:
            told["dropout"] = dropout_at(self.training, self.spec.dropout, epoch)
        return told
