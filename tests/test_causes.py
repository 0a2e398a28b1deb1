"""The task that finds causes: what it sees, learns and chooses."""

import json
import math
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from extract.corpus.causes import with_cause_utterances
from features.checks import corpus_problems
from features.errors import ProjectError
from features.manifest import Label, Utterance
from features.specs.heads import ProtocolSpec
from features.specs.tracks import LeafSpec
from features.store.reader import Store
from tests.dialogue_world import dialogue_head, dialogues  # noqa: F401
from tests.test_pairs import conversation
from train.data.dialogues import Places
from train.folds.label_facts import folds_of
from train.model.contracts import Encoded
from train.runs.run_head import run_head
from train.scoring.pair_measure import distances
from train.tasks.causes import EARLIER, LATER, Task, facts

LABELS = conversation()
WIDTH = EARLIER + 1 + LATER


def task(**settings: object) -> Task:
    torch.manual_seed(0)
    return Task(4, facts(LABELS), **settings)  # type: ignore[arg-type]


def encoded(labels: list[Label] = LABELS) -> Encoded:
    torch.manual_seed(1)
    turns = Places.of(labels).of_rows(torch.arange(len(labels)))
    return Encoded({}, torch.randn(len(labels), 4), turns)


def test_facts_are_the_emotions_that_have_causes() -> None:
    assert facts(LABELS) == {"classes": ["anger", "joy"], "counts": [2, 2]}


def test_every_turn_of_the_dialogue_within_reach_is_scored_and_nothing_else() -> None:
    output = task()(encoded())
    assert output.shape == (5, 3 + WIDTH) and bool(output[:, :3].isfinite().all())
    for turn in range(5):
        apart = [int(column) - LATER for column in output[turn, 3:].isfinite().nonzero()[:, 0]]
        assert apart == list(range(turn - 4, turn + 1))


def test_in_a_causal_dialogue_no_later_turn_is_a_cause() -> None:
    made, inputs = task(), encoded()
    found = made(inputs._replace(causal=True))
    assert found[:, 3 : 3 + LATER].isnan().all()
    assert torch.equal(found[:, 3 + LATER :].isnan(), made(inputs)[:, 3 + LATER :].isnan())
    later = inputs.fused.clone()
    later[3:] = 9.0
    moved = made(inputs._replace(fused=later, causal=True))
    assert torch.allclose(found[:3], moved[:3], equal_nan=True)


def test_a_pair_is_scored_from_its_two_utterances_and_their_distance() -> None:
    made, inputs = task(speakers="same-other"), encoded()
    found = made(inputs)[3, 3 + LATER + 1]  # the cause of u3 in u2, one turn before
    hidden = (
        made.effect(inputs.fused[3])
        + made.cause(inputs.fused[2])
        + made.distance.weight[LATER + 1]  # type: ignore[union-attr]
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
    assert found[3, 1:-1].nonzero()[:, 0].tolist() == [LATER, LATER + 1, LATER + 3]
    assert not found[5, 1:].any()


def test_the_loss_is_that_of_emotions_and_of_the_causes_of_those_that_have_some() -> None:
    made = task()
    output = torch.zeros(5, 3 + WIDTH)
    output[:, 3:] = encoded_holes()
    # Three emotions alike, and ln 2 for each of the five turns that may be a cause.
    expected = math.log(3) + 5 * math.log(2)
    assert float(made.loss(output, made.targets(LABELS))) == pytest.approx(expected)
    output[3, 3 + LATER] = 9.0  # a cause that is known: it costs nothing, and weighs three times
    heavy = torch.tensor([1.0, 1.0, 1.0, 3.0, 1.0])
    found = float(made.loss(output, made.targets(LABELS), heavy))
    pairs = math.log(2) * (3 * 5 + 3 * 4) / 6
    assert found == pytest.approx(math.log(3) + pairs, abs=1e-3)
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
    output = torch.full((1, 3 + WIDTH), -20.0)
    output[0, 1] = 0.0  # joy for sure, against anger and none at -20
    near = torch.tensor([math.log(4), math.log(1 / 3), torch.nan])  # 0.8 and 0.25
    output[0, 3 + LATER - 1 : 3 + LATER + 2] = near
    for threshold, causes in ((0.5, [-1]), (0.2, [-1, 0]), (0.9, [])):
        made.threshold.fill_(threshold)
        told = made.measure.told(made.predict(output)["cause_pairs"][0].numpy())
        assert told == {"predicted": "joy" if causes else None, "causes": causes}


def test_dev_chooses_the_threshold() -> None:
    made = task()
    output = torch.zeros(5, 3 + WIDTH)
    output[:, 3:] = encoded_holes()
    targets = made.targets(LABELS)
    output[torch.arange(5), targets[:, 0].long()] = 9.0
    # Causes are 0.3 likely, all else 0.1: any threshold between tells them apart.
    likely = torch.where(targets[:, 1:-1] > 0, math.log(3 / 7), math.log(1 / 9))
    output[:, 3:] += likely
    made.settle(output, LABELS)
    assert 0.1 < float(made.threshold) < 0.3
    told = made.measure.told(made.predict(output)["cause_pairs"][3].numpy())
    assert told == {"predicted": "anger", "causes": [0, 1, 3]}


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
    training = replace(spec.training, choose_by="pair_weighted_f1", epochs=30)
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


def test_pairs_are_scored_over_several_folds_whose_dev_parts_overlap(
    dialogues: tuple[list[Label], Store], tmp_path: Path
) -> None:
    labels = [replace(x, split=None, session=str(int(x.dialogue[1:]) % 3)) for x in dialogues[0]]  # type: ignore[index]
    protocol = ProtocolSpec(LeafSpec("leave-one-session-out", {}), 0.5, "dialogue")
    spec = dialogue_head(causal=True)
    spec = replace(spec, tasks={"causes": LeafSpec("causes", {})}, protocol=protocol)
    training = replace(spec.training, choose_by="pair_f1", epochs=2)
    metrics = run_head(
        replace(spec, training=training), labels, {"text": dialogues[1]}, tmp_path / "run"
    )
    lines = (tmp_path / "run" / "predictions.jsonl").read_text().splitlines()
    dev = [told["id"] for told in map(json.loads, lines) if told["split"] == "dev"]
    assert len(dev) > len(set(dev))  # the same dialogue chooses in several folds
    assert distances([*LABELS, *LABELS]) == distances(LABELS) * 2
    assert 0 < metrics["dev"]["cause_pairs"]["pair_precision"]["mean"] <= 1


def test_a_part_without_any_cause_is_named(dialogues: tuple[list[Label], Store]) -> None:
    labels = [replace(x, causes=()) if x.split == "dev" else x for x in dialogues[0]]
    spec = replace(dialogue_head(), tasks={"causes": LeafSpec("causes", {})})
    with pytest.raises(ProjectError, match="tasks.causes: no dev utterance of 'demo' in fold"):
        folds_of(spec, labels)


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
    labels = [Label("a", "train", causes=("b",)), Label("b", "train", causes=("nobody",) * 2)]
    problems = corpus_problems(utterances, labels)
    assert problems == [
        "the utterance 'a' has the cause 'b', which is no utterance of its dialogue",
        *["the utterance 'b' has the cause 'nobody', which is no utterance of its dialogue"] * 2,
        "the utterance 'b' names a cause twice: nobody nobody",
    ]
