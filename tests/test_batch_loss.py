"""The loss of a batch: mixup, difficulty, accumulated batches, averaged weights."""

from dataclasses import replace
from typing import Any

import pytest
import torch

from features.manifest import Label
from features.specs.heads import HeadSpec
from features.specs.training import AugmentSpec, CurriculumSpec, TrainingSpec
from features.store.reader import Store
from tests.head_world import facts_of, labels, spec, splits_of, store  # noqa: F401
from train.data.augment import mixed
from train.data.dataset import CPU, load_dataset
from train.data.masking import packed, padded, zero_padding
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
    tracks = loop.head.standardised(loop.train.dataset.gather(rows))
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


@pytest.mark.parametrize(
    "changes", [{}, {"bins": 3}, {"standardise": {"text": "utterance"}}, {"norm": "all"}]
)
def test_a_batch_without_padding_has_the_same_loss_and_gradients(
    spec: HeadSpec, labels: list[Label], store: Store, changes: dict[str, Any]
) -> None:
    loop = loop_of(replace(spec, **changes), labels, store)
    rows = torch.tensor([4, 0, 17, 9, 2])  # u0 has no track
    dataset = loop.train.dataset
    targets = {name: values[rows] for name, values in loop.targets.items()}
    losses, gradients = [], []
    for batch in (dataset.gather(rows), dataset.gather_packed(rows)):
        loop.head.zero_grad()
        loss = batch_loss(loop.head, loop.training, batch, dataset.turns(rows), targets, None)
        loss.backward()
        losses.append(float(loss.detach()))
        gradients.append([p.grad for p in loop.head.parameters() if p.grad is not None])
    assert losses[1] == pytest.approx(losses[0], rel=1e-6)
    for one, other in zip(*gradients, strict=True):
        assert torch.allclose(one, other, atol=1e-6)


@pytest.mark.parametrize(
    "training", [{"mixup": 0.5}, {"augment": {"text": AugmentSpec(noise=0.1)}}]
)
def test_what_changes_tracks_changes_those_without_padding_alike(
    spec: HeadSpec, labels: list[Label], store: Store, training: dict[str, Any]
) -> None:
    loop = loop_of(spec, labels, store, **training)
    rows = torch.tensor([4, 0, 17])
    dataset, losses = loop.train.dataset, []
    targets = {name: values[rows] for name, values in loop.targets.items()}
    for batch in (dataset.gather(rows), dataset.gather_packed(rows)):
        torch.manual_seed(5)
        loss = batch_loss(loop.head, loop.training, batch, dataset.turns(rows), targets, None)
        losses.append(float(loss.detach()))
    assert losses[1] == pytest.approx(losses[0], rel=1e-6)


def test_tracks_without_padding_are_those_with_it(store: Store, labels: list[Label]) -> None:
    dataset = load_dataset({"text": store}, labels)
    for rows in (torch.tensor([3, 0, 59]), torch.tensor([0])):
        whole, own = dataset.gather(rows)["text"], dataset.gather_packed(rows)["text"]
        again = packed(whole)
        assert torch.equal(own.values.float(), again.values) and torch.equal(own.mask, again.mask)
        assert torch.equal(own.places, again.places)
        assert torch.equal(padded(own).values, zero_padding(whole).values)
