"""The optimiser of a training, its learning rate over time, and the average of its weights."""

import math
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim import SGD, Adam, AdamW, Optimizer
from torch.optim.lr_scheduler import LambdaLR, LRScheduler, OneCycleLR, ReduceLROnPlateau

from features.specs.training import TrainingSpec

MOMENTUM = 0.9


def optimiser_of(
    training: TrainingSpec, parameters: Iterable[nn.Parameter] | Iterable[dict[str, Any]]
) -> Optimizer:
    """AdamW, Adam, or stochastic gradient descent with a momentum of 0.9, of parameters or groups
    of them."""
    lr, decay = training.lr, training.weight_decay
    if training.optimiser == "sgd":
        return SGD(parameters, lr, momentum=MOMENTUM, weight_decay=decay, fused=True)
    kind = AdamW if training.optimiser == "adamw" else Adam
    return kind(parameters, lr, weight_decay=decay, fused=True)


def parameter_groups(network: nn.Module, lr: float) -> list[dict[str, Any]]:
    """The parameters of a network in groups of one learning rate.

    That is `lr`, but for modules with `learning_rates` of their own.
    """
    with_rates: list[Any] = [m for m in network.modules() if hasattr(m, "learning_rates")]
    own = [
        {"params": parameters, "lr": rate}
        for module in with_rates
        for rate, parameters in module.learning_rates(lr)
        if parameters
    ]
    grouped = {id(parameter) for group in own for parameter in group["params"]}
    rest = [p for p in network.parameters() if id(p) not in grouped]
    return [{"params": rest, "lr": lr}, *own]


class Schedule:
    """The learning rate over a run: constant, cosine, one cycle, or halved on a plateau of dev.

    `epoch_steps` are the steps of the optimiser in each epoch.
    """

    def __init__(
        self, optimiser: Optimizer, training: TrainingSpec, epoch_steps: list[int]
    ) -> None:
        self.by_step: LambdaLR | OneCycleLR | None = None
        self.plateau: ReduceLROnPlateau | None = None
        total = sum(epoch_steps)
        if training.schedule == "one-cycle":
            cycled = training.optimiser != "sgd"
            self.by_step = OneCycleLR(
                optimiser,
                [group["lr"] for group in optimiser.param_groups],
                total_steps=total + 1,
                cycle_momentum=cycled,
            )
        elif training.schedule == "plateau":
            self.plateau = ReduceLROnPlateau(
                optimiser,
                mode="max",
                factor=0.5,
                patience=max(1, training.patience // 3),
                threshold_mode="abs",
            )
        else:
            whole = int(training.warmup_epochs)
            warmup = sum(epoch_steps[:whole])
            if whole < len(epoch_steps):
                warmup += round((training.warmup_epochs - whole) * epoch_steps[whole])
            cosine = training.schedule == "cosine"
            self.by_step = LambdaLR(optimiser, lambda step: _factor(step, warmup, total, cosine))

    def after_step(self) -> None:
        """To be called after every step of the optimiser."""
        if self.by_step is not None:
            self.by_step.step()

    def after_epoch(self, score: float) -> None:
        """To be called after every epoch, with the figure on dev."""
        if self.plateau is not None:
            self.plateau.step(score)

    def state(self) -> dict[str, Any]:
        """All that it needs to resume."""
        return self._scheduler.state_dict()

    def restore(self, state: dict[str, Any]) -> None:
        """Restore a saved state."""
        self._scheduler.load_state_dict(state)

    @property
    def _scheduler(self) -> LRScheduler | ReduceLROnPlateau:
        scheduler = self.by_step or self.plateau
        assert scheduler is not None
        return scheduler


def _factor(step: int, warmup: int, total: int, cosine: bool) -> float:
    """The factor of the learning rate at a step."""
    if step < warmup:
        return (step + 1) / (warmup + 1)
    if not cosine:
        return 1.0
    done = (step - warmup) / max(1, total - warmup)
    return 0.5 * (1 + math.cos(math.pi * min(1.0, done)))


class Average:
    """A running average of a network's weights, `decay` of it kept at every step.

    Early on, when there is little to keep, less is kept: `(1 + steps) / (10 + steps)` at most.
    """

    def __init__(self, network: nn.Module, decay: float) -> None:
        self.decay, self.steps = decay, 0
        self.values = {name: value.clone() for name, value in network.state_dict().items()}

    @torch.no_grad()
    def update(self, network: nn.Module) -> None:
        """Update the average with the current weights."""
        self.steps += 1
        new = 1 - min(self.decay, (1 + self.steps) / (10 + self.steps))
        for name, value in network.state_dict().items():
            self.values[name].lerp_(value, new)

    def state(self) -> dict[str, Any]:
        """The average and how many steps are in it."""
        return {"steps": self.steps, "values": self.values}

    def restore(self, state: dict[str, Any]) -> None:
        """Restore a saved average."""
        self.steps = state["steps"]
        self.values = {n: value.to(self.values[n].device) for n, value in state["values"].items()}


@contextmanager
def with_weights(network: nn.Module, values: dict[str, Tensor] | None) -> Iterator[None]:
    """The network with other weights inside the context; None: with its own."""
    if values is None:
        yield
        return
    own = {name: value.clone() for name, value in network.state_dict().items()}
    network.load_state_dict(values)
    try:
        yield
    finally:
        network.load_state_dict(own)
