"""Heads that read whole dialogues: what they learn, and what must not affect them."""

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from features.errors import ProjectError
from features.manifest import Label
from features.specs.heads import HeadSpec, TransferSpec
from features.specs.tracks import LeafSpec
from features.specs.training import CurriculumSpec
from features.store.reader import Store
from tests.dialogue_world import TURNS, dialogue_head, dialogues  # noqa: F401
from train.data.dataset import SplitData, load_dataset
from train.folds.label_facts import folds_of, label_facts
from train.folds.split import Splits
from train.loop.predict import outputs_of, predict, turns_of
from train.loop.training_loop import TrainingLoop
from train.runs.run_head import run_head
from train.runs.transfer import run_transfer

World = tuple[list[Label], Store]


def split_of(labels: Sequence[Label], store: Store, split: str) -> SplitData:
    in_split = [label for label in labels if label.split == split]
    return SplitData(load_dataset({"text": store}, in_split), in_split)


def loop_of(spec: HeadSpec, world: World, difficulty: torch.Tensor | None = None) -> TrainingLoop:
    train, dev = split_of(*world, "train"), split_of(*world, "dev")
    facts = label_facts(spec, Splits("f", train.labels, dev.labels, dev.labels, (), 0, False), "x")
    return TrainingLoop(spec, facts, train, dev, 0, difficulty, None, torch.device("cpu"))


@pytest.mark.slow
def test_emotions_that_depend_on_the_turn_before_are_learned_with_context(
    dialogues: World, tmp_path: Path
) -> None:
    labels, store = dialogues
    causal = run_head(dialogue_head(causal=True), labels, {"text": store}, tmp_path / "causal")
    alone = run_head(dialogue_head("none"), labels, {"text": store}, tmp_path / "alone")
    assert causal["test"]["emotion"]["accuracy"]["mean"] > 0.9
    assert alone["test"]["emotion"]["accuracy"]["mean"] < 0.75
    assert causal["shuffled"]["emotion"]["accuracy"] < 0.6


def test_later_turns_never_change_the_outputs_of_a_causal_head(dialogues: World) -> None:
    labels, store = dialogues
    tasks = {"emotion": LeafSpec("emotion", {}), "causes": LeafSpec("causes", {})}
    test = split_of(labels, store, "test")
    past = [label for label in test.labels if (label.turn or 0) < 3]
    past_dataset = load_dataset({"text": store}, past)
    for causal in (True, False):
        head = loop_of(replace(dialogue_head(causal=causal), tasks=tasks), dialogues).head
        for name in tasks:
            whole = outputs_of(head, test.dataset)[name].unflatten(0, (-1, TURNS))[:, :3]
            alone = outputs_of(head, past_dataset)[name].unflatten(0, (-1, 3))
            assert torch.allclose(whole, alone, atol=1e-6, equal_nan=True) == causal


@pytest.mark.slow
def test_an_interrupted_run_ends_as_an_uninterrupted_one(
    dialogues: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("train.loop.checkpoint.EVERY_S", 0.0)
    labels, store = dialogues
    spec = dialogue_head()
    training = replace(spec.training, epochs=3, average=0.9, choose_by="pair_f1")
    spec = replace(spec, tasks={"causes": LeafSpec("causes", {})}, training=training)
    run_head(spec, labels, {"text": store}, tmp_path / "whole")
    epochs: list[int] = []
    run_epoch = TrainingLoop.run_epoch

    def interrupted(loop: TrainingLoop) -> None:
        epochs.append(len(loop.epochs))
        if len(epochs) == 3:
            raise KeyboardInterrupt
        run_epoch(loop)

    monkeypatch.setattr("train.loop.training_loop.TrainingLoop.run_epoch", interrupted)
    with pytest.raises(KeyboardInterrupt):
        run_head(spec, labels, {"text": store}, tmp_path / "resumed", tmp_path / "work")
    run_head(spec, labels, {"text": store}, tmp_path / "resumed", tmp_path / "work")
    assert len(epochs) == 2 * 3 + 1
    for name in ("metrics.json", "predictions.jsonl", "weights/seed-0.safetensors"):
        assert (tmp_path / "whole" / name).read_bytes() == (
            tmp_path / "resumed" / name
        ).read_bytes()


@pytest.mark.parametrize(("code", "turns"), [("recurrent", TURNS), ("none", TURNS), (None, 1)])
def test_turns_are_arranged_only_for_heads_that_read_dialogues(
    dialogues: World, code: str | None, turns: int
) -> None:
    spec = dialogue_head(code) if code else replace(dialogue_head(), dialogue=None)
    loop = loop_of(spec, dialogues)
    rows = torch.arange(3 * TURNS)
    own = turns_of(loop.train.dataset, rows, torch.device("cpu"), loop.head)
    assert own.mask.shape == (3 * TURNS // turns, turns)
    assert torch.equal(own.arranged(rows[:, None].float()).values.flatten(), rows.float())


def test_predictions_do_not_depend_on_order_or_on_other_dialogues(
    dialogues: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    labels, store = dialogues
    loop = loop_of(dialogue_head(), dialogues)
    test = split_of(labels, store, "test")
    probabilities = predict(loop.head, test.dataset)["emotion"]
    order = np.random.default_rng(0).permutation(len(test.labels))
    shuffled = load_dataset({"text": store}, [test.labels[row] for row in order])
    monkeypatch.setattr("train.loop.predict.EVALUATION_BATCH", 1)
    again = predict(loop.head, shuffled)["emotion"]
    assert np.allclose(again, probabilities[order], atol=1e-6)


def test_a_batch_consists_of_whole_dialogues(
    dialogues: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    loop = loop_of(dialogue_head(), dialogues)
    batches: list[list[int]] = []
    loss = loop.loss

    def recorded(rows: torch.Tensor) -> torch.Tensor:
        batches.append(rows.tolist())
        return loss(rows)

    monkeypatch.setattr(loop, "loss", recorded)
    loop.run_epoch()
    assert [len(rows) for rows in batches] == [2 * TURNS] * 10
    numbers = loop.train.dataset.places.dialogues
    for rows in batches:
        for dialogue in set(numbers[rows].tolist()):
            assert sum(numbers[row] == dialogue for row in rows) == TURNS
    assert sorted(row for rows in batches for row in rows) == list(range(100))


def test_easy_dialogues_come_first_and_stay_whole(dialogues: World) -> None:
    spec = dialogue_head()
    curriculum = CurriculumSpec(start=0.3, epochs=2)
    training = replace(spec.training, curriculum=curriculum, difficulty="class-frequency", epochs=4)
    difficulty = torch.arange(100).flip(0).float() / 100
    loop = loop_of(replace(spec, training=training), dialogues, difficulty)
    assert loop._scheduled(1).tolist() == list(range(14, 20)) and len(loop._scheduled(3)) == 20
    loop.run_epoch()
    assert loop.epochs[0]["train_share"] == 0.3


def test_unlabelled_turns_are_context_and_unlabelled_dialogues_are_left_out(
    dialogues: World,
) -> None:
    labels = [
        replace(x, emotion=None) if x.turn == 2 or x.dialogue == "d0" else x for x in dialogues[0]
    ]
    ((with_context, _),) = folds_of(dialogue_head(), labels)
    ((alone, _),) = folds_of(replace(dialogue_head(), dialogue=None), labels)
    assert len(with_context.train) == 19 * TURNS and len(alone.train) == 19 * (TURNS - 1)
    assert any(label.emotion is None for label in with_context.train)


@pytest.mark.slow
def test_dialogues_are_transferred_whole(dialogues: World, tmp_path: Path) -> None:
    labels, store = dialogues
    spec = dialogue_head(causal=True)
    run_head(spec, labels, {"text": store}, tmp_path / "main")
    other_labels = [replace(x, emotion="odd" if x.turn == 3 else x.emotion) for x in labels]
    transfer = TransferSpec("abroad", "test", "other", {"text": "minilm"}, {})
    metrics = run_transfer(
        transfer, spec, tmp_path / "main", other_labels, {"text": store}, tmp_path / "abroad"
    )
    # Turns of an unknown class stay context: without them the turns after them would be guesses.
    assert metrics["test"]["emotion"]["accuracy"]["mean"] > 0.9
    lines = (tmp_path / "abroad" / "predictions.jsonl").read_text().splitlines()
    assert not any(json.loads(line)["id"].endswith("-3") for line in lines)


def test_a_corpus_without_dialogues_is_refused(dialogues: World) -> None:
    labels = [replace(label, dialogue=None) for label in dialogues[0]]
    with pytest.raises(ProjectError, match="dialogue is set, but no utterance of 'demo' is in"):
        folds_of(dialogue_head(), labels)


def test_unlabelled_turns_do_not_make_a_dialogue_easy(dialogues: World) -> None:
    labels, store = dialogues
    hidden = [replace(x, emotion=None) if x.dialogue == "d0" and x.turn else x for x in labels]
    spec = dialogue_head()
    training = replace(spec.training, curriculum=CurriculumSpec(start=0.05), difficulty="vad")
    # The one labelled turn of the first dialogue is the most difficult of all.
    difficulty = torch.zeros(100)
    difficulty[0] = 1.0
    loop = loop_of(replace(spec, training=training), (hidden, store), difficulty)
    assert loop._scheduled(1).tolist() == [1]


def test_an_utterance_without_a_dialogue_has_no_context(dialogues: World) -> None:
    labels, store = dialogues
    loop = loop_of(dialogue_head(), dialogues)
    single = [replace(label, dialogue=None) for label in labels[:6]]
    together = predict(loop.head, load_dataset({"text": store}, single))["emotion"]
    alone = predict(loop.head, load_dataset({"text": store}, single[2:3]))["emotion"]
    assert np.allclose(together[2], alone[0], atol=1e-6)
