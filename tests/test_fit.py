"""The training loop: what it learns, when it stops, and that test data never reach it."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from features.errors import ProjectError
from features.manifest import Label
from features.specs.heads import HeadSpec
from features.specs.tracks import LeafSpec
from features.store.reader import Store
from tests.head_world import CLASSES, facts_of, labels, spec, splits_of, store  # noqa: F401
from train.data.batches import bucketed, shortest_run
from train.data.dataset import load_dataset
from train.folds.label_facts import folds_of
from train.loop.fit import fit
from train.loop.predict import predict
from train.scoring.measure import measures_of
from train.scoring.summaries import split_scores


def test_batches_hold_every_row_once_and_similar_costs() -> None:
    costs = torch.randint(1, 100, (300,))
    shuffle = torch.Generator().manual_seed(0)
    batches = bucketed(costs, 10, shuffle, 16)
    assert sorted(torch.cat(batches).tolist()) == list(range(300))
    spread = torch.stack([(costs[b].max() - costs[b].min()).float() for b in batches]).mean()
    assert float(spread) < 40
    assert not torch.equal(batches[0], bucketed(costs, 10, shuffle, 16)[0])


def test_rows_are_sorted_no_further_than_padding_requires() -> None:
    equal = torch.full((640,), 50)
    similar = torch.randint(45, 56, (640,))
    different = torch.randint(1, 100, (640,)) ** 2
    assert shortest_run(equal, 10) == shortest_run(similar, 10) == 1
    assert 1 < shortest_run(different, 10) <= 64
    assert shortest_run(torch.zeros(5, dtype=torch.int64), 10) == 1


@pytest.mark.parametrize("schedule", ["constant", "one-cycle", "plateau"])
def test_a_clear_difference_is_learned(
    spec: HeadSpec, labels: list[Label], store: Store, schedule: str
) -> None:
    spec = replace(spec, training=replace(spec.training, schedule=schedule))  # type: ignore[arg-type]
    data = splits_of(labels, store)
    facts = facts_of(data["train"])
    fitted = fit(spec, facts, data["train"], data["dev"], seed=0)
    predicted = fitted.predict(data["dev"].dataset)["emotion"].argmax(axis=1)
    assert [CLASSES[number] for number in predicted] == [x.emotion for x in data["dev"].labels]


def test_the_same_seed_gives_the_same_numbers(
    spec: HeadSpec, labels: list[Label], store: Store
) -> None:
    data = splits_of(labels, store)
    facts = facts_of(data["train"])
    runs = [fit(spec, facts, data["train"], data["dev"], seed) for seed in (3, 3, 4)]
    assert runs[0].epochs == runs[1].epochs != runs[2].epochs


def test_training_stops_when_dev_no_longer_improves_and_keeps_the_best_epoch(
    spec: HeadSpec, labels: list[Label], store: Store
) -> None:
    random = np.random.default_rng(3)
    random_labels = [replace(x, emotion=str(random.choice(CLASSES))) for x in labels]
    spec = replace(spec, training=replace(spec.training, epochs=50, patience=4, lr=0.03))
    data = splits_of(random_labels, store)
    facts = facts_of(data["train"])
    fitted = fit(spec, facts, data["train"], data["dev"], seed=0)
    scores = [epoch["dev_emotion_macro_f1"] for epoch in fitted.epochs]
    assert len(scores) == fitted.best_epoch + 4 < 50
    assert scores[fitted.best_epoch - 1] == max(scores) > scores[-1]
    measures = measures_of(spec, facts)
    best = split_scores(measures, fitted.predict(data["dev"].dataset), data["dev"].labels)
    assert best["emotion"]["macro_f1"] == max(scores)


def test_predictions_come_in_the_order_of_the_dataset(
    spec: HeadSpec, labels: list[Label], store: Store
) -> None:
    data = splits_of(labels, store)
    facts = facts_of(data["train"])
    head = fit(spec, facts, data["train"], data["dev"], seed=0).head
    forward = predict(
        head, load_dataset({"text": store}, [Label(name) for name in ("u1", "u2", "u40")])
    )["emotion"]
    backward = predict(
        head, load_dataset({"text": store}, [Label(name) for name in ("u40", "u2", "u1")])
    )["emotion"]
    assert forward.tolist() == pytest.approx(backward[::-1])


def test_a_loss_that_is_not_finite_stops_the_training_with_its_epoch_and_seed(
    spec: HeadSpec, labels: list[Label], store: Store
) -> None:
    diverging = replace(spec, training=replace(spec.training, lr=1e30, clip_norm=None))
    data = splits_of(labels, store)
    with pytest.raises(
        ProjectError, match=r"heads.test: the loss of epoch \d with seed 0 is (nan|inf)"
    ):
        fit(diverging, facts_of(data["train"]), data["train"], data["dev"], seed=0)


def test_the_test_set_cannot_reach_the_loop() -> None:
    import inspect

    assert list(inspect.signature(fit).parameters) == [
        "spec", "facts", "train", "dev", "seed", "on_epoch", "checkpoint", "start", "device",
        "networks",
        "taught",
    ]  # fmt: skip


def test_utterances_without_a_label_of_any_task_are_not_trained_on(
    spec: HeadSpec, labels: list[Label]
) -> None:
    some = [replace(x, emotion=None, valence=3.0) if n < 6 else x for n, x in enumerate(labels)]
    ((splits, facts),) = folds_of(spec, some)
    assert [x.id for x in splits.train] == [f"u{n}" for n in range(6, 40)]
    assert len(splits.dev) == len(splits.test) == 10 and facts["emotion"]["counts"] == [17, 17]
    both = {**spec.tasks, "vad": LeafSpec("vad", {})}
    ((splits, _),) = folds_of(replace(spec, tasks=both), [replace(x, valence=1.0) for x in some])
    assert len(splits.train) == 40


def test_a_split_with_unseen_classes_is_refused_by_name(
    spec: HeadSpec, labels: list[Label]
) -> None:
    unseen = [replace(x, emotion="fear") if x.split == "test" else x for x in labels]
    with pytest.raises(
        ProjectError,
        match="the test split has utterances of the classes 'fear', but the training split has "
        "none",
    ):
        folds_of(spec, unseen)


def test_of_equally_good_epochs_the_first_is_kept(
    spec: HeadSpec, labels: list[Label], store: Store
) -> None:
    data = splits_of(labels, store)
    long = replace(spec, training=replace(spec.training, epochs=12, patience=12))
    fitted = fit(long, facts_of(data["train"]), data["train"], data["dev"], 0)
    figures = [epoch[f"dev_emotion_{long.training.choose_by}"] for epoch in fitted.epochs]
    assert figures.count(max(figures)) > 1, "the corpus is too hard for the test"
    assert fitted.best_epoch == 1 + figures.index(max(figures))
