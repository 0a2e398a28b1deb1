"""The task that finds causes: what it sees, learns and chooses."""

import json
import math
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from extract.causes import with_cause_utterances
from features.checks import corpus_problems
from features.manifest import Label, Utterance
from features.specs import LeafSpec
from features.store.reader import Store
from tests.dialogue_world import dialogue_head, dialogues  # noqa: F401
from tests.test_pairs import conversation
from train.encoded import Encoded
from train.run import run_head
from train.tasks.causes import Task, facts
from train.turns import Places

LABELS = conversation()


def task(**settings: object) -> Task:
    torch.manual_seed(0)
    return Task(4, facts(LABELS), **settings)  # type: ignore[arg-type]


def encoded(labels: list[Label] = LABELS) -> Encoded:
    torch.manual_seed(1)
    turns = Places.of(labels).of_rows(torch.arange(len(labels)))
    return Encoded({}, torch.randn(len(labels), 4), turns)


def test_the_reach_is_that_of_the_training_part() -> None:
    assert facts(LABELS) == {
        "classes": ["anger", "joy"], "counts": [2, 2], "earlier": 3, "later": 1,
    }  # fmt: skip


def test_every_turn_of_the_dialogue_within_reach_is_scored_and_nothing_else() -> None:
    output = task()(encoded())
    assert output.shape == (5, 3 + 5) and bool(output[:, :3].isfinite().all())
    # One turn after, here, and one, two and three before.
    assert output[:, 3:].isfinite().int().tolist() == [
        [1, 1, 0, 0, 0],
        [1, 1, 1, 0, 0],
        [1, 1, 1, 1, 0],
        [1, 1, 1, 1, 1],
        [0, 1, 1, 1, 1],
    ]


def test_a_pair_is_scored_from_its_two_utterances_and_their_distance() -> None:
    made, inputs = task(speakers="same-other"), encoded()
    found = made(inputs)[3, 3 + 2]  # the cause of u3 in u2, one turn before
    hidden = (
        made.effect(inputs.fused[3])
        + made.cause(inputs.fused[2])
        + made.distance.weight[2]  # type: ignore[union-attr]
        + made.same.weight[0]  # type: ignore[union-attr]  # nobody is known: somebody else
    )
    assert torch.allclose(found, made.score(hidden)[0])


def test_dialogues_of_a_batch_do_not_know_each_other() -> None:
    other = [replace(x, id=f"o{x.id}", dialogue="other") for x in LABELS[:2]]
    made, together = task(), encoded([*LABELS, *other])
    alone = Encoded({}, together.fused[5:], Places.of(other).of_rows(torch.arange(2)))
    assert torch.allclose(made(together)[5:], made(alone), equal_nan=True)


def test_targets_are_emotions_with_causes_and_where_these_are() -> None:
    labels = [*LABELS, Label("u5", dialogue="d", turn=5, emotion="joy", causes=()), Label("x")]
    found = task().targets(labels)
    assert found[:, 0].tolist() == [2, 1, 0, 0, 1, 1, -1]
    assert found[3, 1:-1].tolist() == [0, 1, 1, 0, 1] and not found[5, 1:].any()


def test_the_loss_is_that_of_emotions_and_of_the_causes_of_those_that_have_some() -> None:
    made = task()
    output = torch.zeros(5, 8)
    output[:, 3:] = encoded_holes()
    # Three emotions alike, and per pair ln 2: 3 + 4 + 5 + 4 possible causes of four utterances.
    expected = math.log(3) + math.log(2) * (3 + 4 + 5 + 4) / 4
    assert float(made.loss(output, made.targets(LABELS))) == pytest.approx(expected)
    heavy = torch.tensor([1.0, 1.0, 1.0, 3.0, 1.0])
    pairs = math.log(2) * (3 + 4 + 3 * 5 + 4) / 6
    found = float(made.loss(output, made.targets(LABELS), heavy))
    assert found == pytest.approx(math.log(3) + pairs)
    nothing = made.loss(output[:1], made.targets(LABELS)[:1])
    assert float(nothing) == pytest.approx(math.log(3))


def encoded_holes() -> torch.Tensor:
    """Zeros where there is a turn, NaN where there is none."""
    return task()(encoded())[:, 3:].detach() * 0


def test_gradients_are_finite_where_turns_are_missing() -> None:
    made, inputs = task(speakers="same-other"), encoded()
    fused = inputs.fused.requires_grad_()
    made.loss(made(inputs), made.targets(LABELS)).backward()
    assert fused.grad is not None and bool(fused.grad.isfinite().all())
    for name, parameter in made.named_parameters():
        assert parameter.grad is not None and bool(parameter.grad.isfinite().all()), name


def test_a_pair_is_told_where_emotion_times_cause_is_above_the_threshold() -> None:
    made = task()
    output = torch.full((1, 8), -20.0)
    output[0, 1] = 0.0  # joy for sure, against anger and none at -20
    output[0, 3:6] = torch.tensor([math.log(4), math.log(1 / 3), torch.nan])  # 0.8 and 0.25
    for threshold, causes in ((0.5, [-1]), (0.2, [-1, 0]), (0.9, [])):
        made.threshold.fill_(threshold)
        told = made.measure.told(made.predict(output)["cause_pairs"][0].numpy())
        assert told == {"predicted": "joy" if causes else None, "causes": causes}


def test_dev_chooses_the_threshold() -> None:
    made = task()
    output = torch.zeros(5, 8)
    output[:, 3:] = encoded_holes()
    targets = made.targets(LABELS)
    output[torch.arange(5), targets[:, 0].long()] = 9.0
    # Causes are 0.3 likely, all else 0.1: any threshold between tells them apart.
    likely = torch.where(targets[:, 1:-1] > 0, math.log(3 / 7), math.log(1 / 9))
    output[:, 3:] += likely
    made.settle(output, LABELS)
    assert 0.1 < float(made.threshold) < 0.3
    assert made.predict(output)["cause_pairs"][3, 1:-1].tolist() == [0, 1, 1, 0, 1]


def test_causes_are_learned_and_a_run_says_so(
    dialogues: tuple[list[Label], Store], tmp_path: Path
) -> None:
    labels, store = dialogues
    options = {"hidden": 16, "distance": True, "speakers": "none", "label_smoothing": 0.0}
    tasks = {
        "emotion": LeafSpec("emotion", {}),
        "is-cause": LeafSpec("is-cause", {}),
        "causes": LeafSpec("causes", {**options, "weight": 1.0}),
    }
    spec = dialogue_head(causal=True)
    training = replace(spec.training, choose_by="pair_weighted_f1")
    spec = replace(spec, tasks=tasks, training=training)
    metrics = run_head(spec, labels, {"text": store}, tmp_path / "run")
    assert metrics["test"]["cause_pairs"]["pair_weighted_f1"]["mean"] > 0.9
    assert metrics["test"]["is_cause"]["accuracy"]["mean"] > 0.9
    assert metrics["shuffled"]["cause_pairs"]["pair_weighted_f1"] < 0.8
    assert 0 < metrics["majority"]["cause_pairs"]["pair_weighted_f1"] < 0.5
    record = json.loads((tmp_path / "run" / "run.json").read_text())
    assert record["measures"]["cause_pairs"]["kind"] == "pairs"
    line = json.loads((tmp_path / "run" / "predictions.jsonl").read_text().splitlines()[1])
    assert line["cause_pairs"]["causes"] == [1] and line["emotion"]["predicted"] in ("anger", "joy")
    evaluation = json.loads((tmp_path / "run" / "evaluation.json").read_text())
    assert set(evaluation["classes"]["cause_pairs"]) == {"anger", "joy"}
    assert "cause_pairs" not in evaluation["calibration"]


def test_utterances_that_cause_something_are_known_where_causes_are_labelled() -> None:
    strangers = [Label("x", dialogue="e"), Label("y")]
    found = with_cause_utterances([*LABELS, *strangers])
    assert [label.is_cause for label in found] == [
        "cause", "cause", "cause", "cause", "cause", None, None,
    ]  # fmt: skip
    assert with_cause_utterances(LABELS[3:])[0].is_cause == "cause"
    quiet = [Label("a", dialogue="d", causes=()), Label("b", dialogue="d", causes=("b",))]
    assert [label.is_cause for label in with_cause_utterances(quiet)] == ["no-cause", "cause"]


def test_a_cause_outside_the_dialogue_is_named() -> None:
    utterances = [Utterance("a", dialogue="d"), Utterance("b", dialogue="e")]
    labels = [Label("a", "train", causes=("b",)), Label("b", "train", causes=("nobody",))]
    problems = corpus_problems(utterances, labels)
    assert problems == [
        "the utterance 'a' has the cause 'b', which is no utterance of its dialogue",
        "the utterance 'b' has the cause 'nobody', which is no utterance of its dialogue",
    ]
