"""The loss of a batch: mixup, difficulty, accumulated batches, averaged weights."""

from dataclasses import replace
from typing import Any

import pytest
import torch

from features.manifest import Label
from features.specs.heads import HeadSpec
from features.specs.training import CurriculumSpec, TrainingSpec
from features.store.reader import Store
from tests.head_world import facts_of, labels, spec, splits_of, store  # noqa: F401
from train.data.augment import augmented, mixed
from train.data.dataset import CPU
from train.loop.batch_loss import batch_loss
from train.loop.predict import predict
from train.loop.training_loop import TrainingLoop
from train.scoring.summaries import split_scores


def loop_of(
    spec: HeadSpec, labels: list[Label], store: Store, difficulty: Any = None, **training: Any
) -> TrainingLoop:
    """A loop without dropout, whose steps can be compared."""
    spec = replace(spec, dropout=0.0, training=replace(spec.training, **training))
    data = splits_of(labels, store)
    facts = facts_of(data["train"])
    return TrainingLoop(spec, facts, data["train"], data["dev"], 0, difficulty, None, CPU)


def loss_of(
    loop: TrainingLoop, training: TrainingSpec, rows: torch.Tensor, difficulty: Any = None
) -> float:
    loop.head.eval()
    batch = loop.train.dataset.gather(rows)
    targets = {name: values[rows] for name, values in loop.targets.items()}
    turns = loop.train.dataset.turns(rows)
    return float(batch_loss(loop.head, training, batch, turns, targets, difficulty).detach())


def test_a_difficult_utterance_weighs_more(
    spec: HeadSpec, labels: list[Label], store: Store
) -> None:
    loop = loop_of(spec, labels, store)
    rows, difficulty = torch.tensor([0, 1]), torch.tensor([0.0, 1.0])
    losses = [loss_of(loop, loop.training, rows[n : n + 1]) for n in (0, 1)]
    scaled = loss_of(loop, replace(loop.training, scale_loss=2.0), rows, difficulty)
    assert scaled == pytest.approx((losses[0] + 3 * losses[1]) / 4, rel=1e-5)


def test_a_mixture_is_compared_with_both_labels(
    spec: HeadSpec, labels: list[Label], store: Store
) -> None:
    loop = loop_of(spec, labels, store)
    rows = torch.tensor([0, 1, 2, 3])
    training = replace(loop.training, mixup=0.5)
    torch.manual_seed(3)
    loss = loss_of(loop, training, rows)
    torch.manual_seed(3)
    tracks = augmented({}, loop.head.standardised(loop.train.dataset.gather(rows)))
    tracks, partner, share = mixed(tracks, 0.5)
    logits = loop.head.outputs(loop.head.encode(tracks))["emotion"]
    targets = loop.targets["emotion"][rows]
    assert targets.tolist() != targets[partner].tolist()
    smoothing = loop.head.tasks["emotion"].label_smoothing
    own_loss, partner_loss = (
        torch.nn.functional.cross_entropy(logits, t, label_smoothing=smoothing).item()
        for t in (targets, targets[partner])
    )
    assert loss == pytest.approx(share * own_loss + (1 - share) * partner_loss, rel=1e-5)


def test_a_step_of_accumulated_batches_equals_one_of_a_single_batch(
    spec: HeadSpec, labels: list[Label], store: Store
) -> None:
    plain = {"optimiser": "sgd", "schedule": "constant", "lr": 0.1, "clip_norm": None}
    # 40 utterances: one step from one batch, or from batches of 16, 16 and 8.
    whole = loop_of(spec, labels, store, batch_size=40, **plain)
    accumulated = loop_of(spec, labels, store, batch_size=16, accumulate=3, **plain)
    for loop in (whole, accumulated):
        loop.run_epoch()
    for name, value in whole.head.state_dict().items():
        assert torch.allclose(value, accumulated.head.state_dict()[name], atol=1e-6), name


def test_the_averaged_weights_are_scored_on_dev_and_kept(
    spec: HeadSpec, labels: list[Label], store: Store
) -> None:
    loop = loop_of(spec, labels, store, average=0.9, epochs=2)
    loop.run_epoch()
    assert loop.average is not None
    averaged = {name: value.clone() for name, value in loop.average.values.items()}
    assert all(torch.equal(loop.best_state[name], value) for name, value in averaged.items())
    assert not torch.equal(
        loop.head.tasks["emotion"].output.weight, averaged["tasks.emotion.output.weight"]
    )
    loop.head.load_state_dict(averaged)
    predictions = predict(loop.head, loop.dev.dataset)
    scores = split_scores(loop.measures, predictions, loop.dev.labels)
    assert scores["emotion"]["macro_f1"] == loop.epochs[0]["dev_emotion_macro_f1"]


@pytest.mark.parametrize("pacing", ["linear", "exponential"])
def test_the_learning_rate_schedule_counts_the_steps_of_a_curriculum(
    spec: HeadSpec, labels: list[Label], store: Store, pacing: str
) -> None:
    curriculum = CurriculumSpec(pacing, start=0.1, epochs=4)  # type: ignore[arg-type]
    difficulty = torch.linspace(0, 1, 40)
    loop = loop_of(
        spec, labels, store, difficulty, curriculum=curriculum, epochs=6, accumulate=2, patience=50
    )
    while not loop.finished:
        loop.run_epoch()
    schedule = loop.schedule.by_step
    assert schedule is not None and schedule.last_epoch == schedule.total_steps - 1
    assert [round(e["train_share"], 3) for e in loop.epochs][-2:] == [1.0, 1.0]
    assert loop.epochs[0]["train_share"] == 0.1 and loop.epochs[0]["train_difficulty"] < 0.1


def test_patience_waits_for_the_curriculum(
    spec: HeadSpec, labels: list[Label], store: Store
) -> None:
    difficulty = torch.linspace(0, 1, 40)
    settings = {"curriculum": CurriculumSpec(epochs=5), "patience": 1, "epochs": 9, "lr": 1e-9}
    loop = loop_of(spec, labels, store, difficulty, **settings)
    while not loop.finished:
        loop.run_epoch()
    assert len(loop.epochs) == 6
