"""Learning rate schedules, averaged weights, and dropout that grows."""

from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import nn

from features.specs.training import RaiseDropoutSpec, TrainingSpec
from train.loop.optimiser import Average, Schedule, optimiser_of, with_weights
from train.loop.pacing import dropout_at, set_dropout

TRAINING = TrainingSpec(seeds=[0], epochs=10, lr=1.0)


def rates(score: float = 0.0, **settings: Any) -> list[float]:
    """The learning rate of every step; an epoch has two."""
    training = replace(TRAINING, **settings)
    optimiser = optimiser_of(training, nn.Linear(1, 1).parameters())
    schedule = Schedule(optimiser, training, [2] * training.epochs)
    lrs = []
    for _ in range(training.epochs):
        assert optimiser.param_groups[0].get("momentum", 0.9) == 0.9
        for _ in range(2):
            lrs.append(optimiser.param_groups[0]["lr"])
            optimiser.step()
            schedule.after_step()
        schedule.after_epoch(score)
    return lrs


def test_a_constant_rate_stays_and_may_warm_up() -> None:
    assert rates(schedule="constant") == [1.0] * 20
    warmed = rates(schedule="constant", warmup_epochs=1.5)
    assert warmed[:3] == [0.25, 0.5, 0.75] and warmed[3:] == [1.0] * 17


def test_a_cosine_falls_to_zero_after_its_warm_up() -> None:
    lrs = rates(schedule="cosine", warmup_epochs=2)
    assert lrs[:4] == pytest.approx([0.2, 0.4, 0.6, 0.8])
    assert lrs[4] == 1.0 and lrs[12] == pytest.approx(0.5) and 0 < lrs[-1] < 0.02
    assert lrs[4:] == sorted(lrs[4:], reverse=True)


@pytest.mark.parametrize("optimiser", ["adamw", "sgd"])
def test_one_cycle_rises_and_falls(optimiser: str) -> None:
    lrs = rates(schedule="one-cycle", optimiser=optimiser)
    assert max(lrs) == pytest.approx(1.0, abs=0.01) and lrs[0] == pytest.approx(1 / 25)
    assert lrs.index(max(lrs)) == pytest.approx(6, abs=1) and lrs[-1] < 0.02


@pytest.mark.parametrize("score", [0.0, 0.5, -5.0])
def test_a_plateau_halves_the_rate(score: float) -> None:
    lrs = rates(score, schedule="plateau", patience=3)
    assert lrs[0] == 1.0 and lrs[-1] < 0.2 and set(lrs) <= {0.5**n for n in range(6)}


@pytest.mark.parametrize("name", ["adamw", "adam", "sgd"])
def test_every_optimiser_decays_weights_and_minimises(name: str) -> None:
    weight = nn.Parameter(torch.tensor(3.0))
    optimiser = optimiser_of(replace(TRAINING, optimiser=name, lr=0.05), [weight])  # type: ignore[arg-type]
    assert type(optimiser).__name__.lower() == name
    assert optimiser.param_groups[0]["weight_decay"] == TRAINING.weight_decay
    for _ in range(100):
        optimiser.zero_grad()
        (weight**2).backward()
        optimiser.step()
    assert abs(float(weight.detach())) < 0.5


def test_an_average_forgets_its_first_weights_fast_and_then_follows_its_decay() -> None:
    network = nn.Linear(1, 1, bias=False)
    nn.init.zeros_(network.weight)
    average = Average(network, decay=0.9)
    nn.init.ones_(network.weight)
    average.update(network)
    assert float(average.values["weight"]) == pytest.approx(9 / 11)
    for _ in range(200):
        average.update(network)
    nn.init.zeros_(network.weight)
    average.update(network)
    assert float(average.values["weight"]) == pytest.approx(0.9)
    restored = Average(network, 0.9)
    restored.restore(average.state())
    assert restored.steps == average.steps and restored.values == average.values


def test_temporary_weights_are_reset_afterwards() -> None:
    network = nn.Linear(1, 1, bias=False)
    own = float(network.weight.detach())
    with with_weights(network, {"weight": torch.tensor([[7.0]])}):
        assert float(network.weight.detach()) == 7.0
    assert float(network.weight.detach()) == own


def test_dropout_grows_to_the_last_epoch_and_reaches_every_layer() -> None:
    training = replace(TRAINING, raise_dropout=RaiseDropoutSpec(to=0.6, after=5))
    assert [dropout_at(training, 0.1, epoch) for epoch in (1, 5)] == [0.1, 0.1]
    assert dropout_at(training, 0.1, 6) == pytest.approx(0.2)
    assert dropout_at(training, 0.1, 10) == pytest.approx(0.6)
    network = nn.ModuleList(
        [nn.Dropout(0.1), nn.MultiheadAttention(4, 2, 0.1), nn.GRU(2, 2, 2, dropout=0.1)]
    )
    set_dropout(network, 0.4)
    assert network[0].p == network[1].dropout == network[2].dropout == 0.4
