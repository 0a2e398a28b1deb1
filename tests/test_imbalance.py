"""Rare classes: what is added to logits, by hand, and selected on the dev set alone."""

import numpy as np
import pytest
import torch

from features.manifest import Label
from train.model.imbalance import Adjustment
from train.scoring.class_measure import ClassMeasure
from train.scoring.metrics import scores
from train.tasks.emotion import Task

NAMES = ("common", "rare")
MEASURE = ClassMeasure("emotion", NAMES)
FACTS = {"classes": list(NAMES), "counts": [90, 10]}


def hesitant(seed: int, count: int = 400) -> tuple[torch.Tensor, list[Label]]:
    """Logits of a head that has learned the prior: it names the rare class too seldom."""
    random = np.random.default_rng(seed)
    truth = random.random(count) < 0.1
    evidence = random.normal(size=count) + 2.5 * truth
    logits = np.stack([np.full(count, np.log(0.9)), evidence - 1.25 + np.log(0.1)], axis=1)
    labels = [Label(str(n), emotion=NAMES[int(is_rare)]) for n, is_rare in enumerate(truth)]
    return torch.from_numpy(logits).float(), labels


def test_balanced_softmax_adds_the_prior_to_the_loss_and_not_to_predictions() -> None:
    plain, balanced = Task(2, FACTS), Task(2, FACTS, imbalance="balanced-softmax")
    output = torch.tensor([[0.3, -0.2], [1.0, 2.0]])
    labels = [Label("a", emotion="rare"), Label("b", emotion="common")]
    targets = plain.targets(labels)
    shifted = output + torch.tensor([0.9, 0.1]).log()
    assert torch.allclose(balanced.loss(output, targets), plain.loss(shifted, targets))
    assert torch.equal(balanced.predict(output)["emotion"], plain.predict(output)["emotion"])


def test_logit_adjustment_takes_off_the_prior_as_strongly_as_dev_says() -> None:
    logits, labels = hesitant(0)
    task = Task(2, FACTS, imbalance="logit-adjustment")
    before = task.predict(logits)["emotion"].numpy()
    task.select_on_dev(logits, labels)
    after = task.predict(logits)["emotion"].numpy()
    offsets = task.adjustment.offsets  # type: ignore[union-attr]
    strength = float(offsets[1] / -np.log(0.1))
    assert 0 < strength <= 2
    assert float(offsets[0]) == pytest.approx(-strength * np.log(0.9), abs=1e-5)
    truth = MEASURE.truth(labels)
    assert scores(MEASURE, truth, after)["macro_f1"] > scores(MEASURE, truth, before)["macro_f1"]
    # On utterances that had no part in the selection it helps as well.
    others, other_labels = hesitant(1)
    truth = MEASURE.truth(other_labels)
    plain = Task(2, FACTS).predict(others)["emotion"].numpy()
    adjusted = task.predict(others)["emotion"].numpy()
    assert scores(MEASURE, truth, adjusted)["macro_f1"] > scores(MEASURE, truth, plain)["macro_f1"]


def test_thresholds_are_never_worse_on_the_dev_set() -> None:
    logits, labels = hesitant(2)
    adjustment = Adjustment("thresholds", torch.tensor([90.0, 10.0]))
    adjustment.select(MEASURE, logits, labels)
    truth = MEASURE.truth(labels)
    moved = (logits + adjustment.offsets).numpy()
    figures = [scores(MEASURE, truth, x)["macro_f1"] for x in (moved, logits.numpy())]
    assert figures[0] > figures[1]


def test_where_nothing_helps_nothing_is_added() -> None:
    logits = torch.tensor([[5.0, -5.0], [-5.0, 5.0]])
    labels = [Label("a", emotion="common"), Label("b", emotion="rare")]
    for kind in ("logit-adjustment", "thresholds"):
        adjustment = Adjustment(kind, torch.tensor([90.0, 10.0]))  # type: ignore[arg-type]
        adjustment.select(MEASURE, logits, labels)
        assert not adjustment.offsets.any()


def test_the_offsets_are_kept_with_the_weights() -> None:
    task = Task(2, FACTS, imbalance="thresholds")
    task.select_on_dev(*hesitant(0))
    other = Task(2, FACTS, imbalance="thresholds")
    other.load_state_dict(task.state_dict())
    logits, _ = hesitant(3)
    assert torch.equal(other.predict(logits)["emotion"], task.predict(logits)["emotion"])
    # Tasks without offsets have none to keep: older runs are still read.
    assert not [name for name in Task(2, FACTS).state_dict() if "adjustment" in name]
