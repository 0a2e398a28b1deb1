"""The task `causes`: which pairs it scores, what it learns, and its threshold."""

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
from train.tasks.causes import EARLIER, LATER, Task

LABELS = conversation()
WIDTH = EARLIER + 1 + LATER


def build_task(**settings: object) -> Task:
    torch.manual_seed(0)
    return Task(4, Task.facts(LABELS), **settings)  # type: ignore[arg-type]


def encoded(labels: list[Label] = LABELS) -> Encoded:
    torch.manual_seed(1)
    turns = Places.of(labels).of_rows(torch.arange(len(labels)))
    return Encoded({}, torch.randn(len(labels), 4), turns)


def test_facts_are_the_emotions_that_have_causes() -> None:
    assert Task.facts(LABELS) == {"classes": ["anger", "joy"], "counts": [2, 2]}


def test_every_turn_of_the_dialogue_within_reach_is_scored_and_no_other() -> None:
    output = build_task()(encoded())
    assert output.shape == (5, 3 + WIDTH) and bool(output[:, :3].isfinite().all())
    for turn in range(5):
        offsets = [int(column) - LATER for column in output[turn, 3:].isfinite().nonzero()[:, 0]]
        assert offsets == list(range(turn - 4, turn + 1))


def test_in_a_causal_dialogue_no_later_turn_is_a_cause() -> None:
    task, inputs = build_task(), encoded()
    output = task(inputs._replace(causal=True))
    assert output[:, 3 : 3 + LATER].isnan().all()
    assert torch.equal(output[:, 3 + LATER :].isnan(), task(inputs)[:, 3 + LATER :].isnan())
    fused = inputs.fused.clone()
    fused[3:] = 9.0
    changed = task(inputs._replace(fused=fused, causal=True))
    assert torch.allclose(output[:3], changed[:3], equal_nan=True)


def test_a_pair_is_scored_from_its_two_utterances_and_their_distance() -> None:
    task, inputs = build_task(speakers="same-other"), encoded()
    score = task(inputs)[3, 3 + LATER + 1]  # the cause of u3 in u2, one turn before
    hidden = (
        task.effect(inputs.fused[3])
        + task.cause(inputs.fused[2])
        + task.distance.weight[LATER + 1]  # type: ignore[union-attr]
        + task.same.weight[0]  # type: ignore[union-attr]  # unknown: another speaker
    )
    assert torch.allclose(score, task.score(hidden)[0])


def test_dialogues_of_a_batch_do_not_affect_each_other() -> None:
    second = [replace(x, id=f"o{x.id}", dialogue="second") for x in LABELS[:2]]
    task, together = build_task(), encoded([*LABELS, *second])
    alone = Encoded({}, together.fused[5:], Places.of(second).of_rows(torch.arange(2)))
    assert torch.allclose(task(together)[5:], task(alone), equal_nan=True)


def test_targets_are_the_emotion_and_the_distances_of_its_causes() -> None:
    labels = [*LABELS, Label("u5", dialogue="d", turn=5, emotion="joy", causes=()), Label("x")]
    targets = build_task().targets(labels)
    assert targets[:, 0].tolist() == [2, 1, 0, 0, 1, 1, -1]
    assert targets[3, 1:-1].nonzero()[:, 0].tolist() == [LATER, LATER + 1, LATER + 3]
    assert not targets[5, 1:].any()


def test_the_loss_is_that_of_emotions_plus_that_of_their_causes() -> None:
    task = build_task()
    output = torch.zeros(5, 3 + WIDTH)
    output[:, 3:] = zero_logits()
    # Three equally likely emotions, and ln 2 for each of the five turns that may be a cause.
    expected = math.log(3) + 5 * math.log(2)
    assert float(task.loss(output, task.targets(LABELS))) == pytest.approx(expected)
    output[3, 3 + LATER] = 9.0  # a cause that is certain: its loss is 0, and its weight is 3
    weights = torch.tensor([1.0, 1.0, 1.0, 3.0, 1.0])
    loss = float(task.loss(output, task.targets(LABELS), weights))
    pairs = math.log(2) * (3 * 5 + 3 * 4) / 6
    assert loss == pytest.approx(math.log(3) + pairs, abs=1e-3)
    without_causes = task.loss(output[:1], task.targets(LABELS)[:1])
    assert float(without_causes) == pytest.approx(math.log(3))


def zero_logits() -> torch.Tensor:
    """Zeros where there is a turn, NaN where there is none."""
    return build_task()(encoded())[:, 3:].detach() * 0


def test_gradients_are_finite_where_turns_are_missing() -> None:
    task, inputs = build_task(speakers="same-other"), encoded()
    fused = inputs.fused.requires_grad_()
    task.loss(task(inputs), task.targets(LABELS)).backward()
    assert fused.grad is not None and bool(fused.grad.isfinite().all())
    for name, parameter in task.named_parameters():
        assert parameter.grad is not None and bool(parameter.grad.isfinite().all()), name


def test_a_pair_is_predicted_where_emotion_times_cause_is_above_the_threshold() -> None:
    task = build_task()
    output = torch.full((1, 3 + WIDTH), -20.0)
    output[0, 1] = 0.0  # joy is certain: anger and none are at -20
    logits = torch.tensor([math.log(4), math.log(1 / 3), torch.nan])  # 0.8 and 0.25
    output[0, 3 + LATER - 1 : 3 + LATER + 2] = logits
    for threshold, causes in ((0.5, [-1]), (0.2, [-1, 0]), (0.9, [])):
        task.threshold.fill_(threshold)
        prediction = task.measure.as_json(task.predict(output)["cause_pairs"][0].numpy())
        assert prediction == {"predicted": "joy" if causes else None, "causes": causes}


def test_rare_emotions_are_named_where_dev_says_so_and_are_no_more_probable() -> None:
    facts = {"classes": ["anger", "joy"], "counts": [10, 90]}
    plain, adjusted = Task(4, facts), Task(4, facts, imbalance="logit-adjustment")
    labels = [
        Label(f"u{n}", dialogue="d", turn=n, emotion="anger", causes=(f"u{n}",)) for n in range(3)
    ]
    output = torch.full((3, 3 + WIDTH), -20.0)
    # Joy is a little likelier than anger, and either is certain: only its share speaks for it.
    output[:, :3] = torch.tensor([1.0, 1.5, -20.0])
    output[:, 3 + LATER] = 9.0
    for task in (plain, adjusted):
        task.select_on_dev(output, labels)
    assert [task.predict(output)["cause_pairs"][0, 0] for task in (plain, adjusted)] == [1, 0]
    assert bool(adjusted.offsets.any()) and not plain.offsets.any()
    assert "offsets" not in plain.state_dict() and "offsets" in adjusted.state_dict()
    # What is certain stays certain.
    assert float(adjusted._probabilities(output, adjusted.offsets)[1].max()) <= 1


def test_the_threshold_is_selected_on_dev() -> None:
    task = build_task()
    output = torch.zeros(5, 3 + WIDTH)
    output[:, 3:] = zero_logits()
    targets = task.targets(LABELS)
    output[torch.arange(5), targets[:, 0].long()] = 9.0
    # Causes have probability 0.3, other turns 0.1: any threshold between separates them.
    logits = torch.where(targets[:, 1:-1] > 0, math.log(3 / 7), math.log(1 / 9))
    output[:, 3:] += logits
    task.select_on_dev(output, LABELS)
    assert 0.1 < float(task.threshold) < 0.3
    prediction = task.measure.as_json(task.predict(output)["cause_pairs"][3].numpy())
    assert prediction == {"predicted": "anger", "causes": [0, 1, 3]}


@pytest.mark.slow
def test_causes_are_learned_and_recorded_in_a_run(
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


def test_pairs_are_scored_over_several_folds_whose_dev_sets_overlap(
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
    dev = [line["id"] for line in map(json.loads, lines) if line["split"] == "dev"]
    assert len(dev) > len(set(dev))  # a dialogue is in the dev set of several folds
    assert distances([*LABELS, *LABELS]) == distances(LABELS) * 2
    assert 0 < metrics["dev"]["cause_pairs"]["pair_precision"]["mean"] <= 1


def test_a_split_without_any_cause_is_refused_by_name(dialogues: tuple[list[Label], Store]) -> None:
    labels = [replace(x, causes=()) if x.split == "dev" else x for x in dialogues[0]]
    spec = replace(dialogue_head(), tasks={"causes": LeafSpec("causes", {})})
    with pytest.raises(ProjectError, match="tasks.causes: no dev utterance of 'demo' in fold"):
        folds_of(spec, labels)


def test_utterances_are_labelled_as_causes_where_their_dialogue_has_causes() -> None:
    unlabelled = [Label("x", dialogue="e"), Label("y")]
    labels = with_cause_utterances([*LABELS, *unlabelled])
    assert [label.is_cause for label in labels] == [
        "cause", "cause", "cause", "cause", "cause", None, None,
    ]  # fmt: skip
    assert with_cause_utterances(LABELS[3:])[0].is_cause == "cause"
    one_cause = [Label("a", dialogue="d", causes=()), Label("b", dialogue="d", causes=("b",))]
    assert [label.is_cause for label in with_cause_utterances(one_cause)] == ["no-cause", "cause"]


def test_a_cause_outside_the_dialogue_is_named() -> None:
    utterances = [Utterance("a", dialogue="d"), Utterance("b", dialogue="e")]
    labels = [Label("a", "train", causes=("b",)), Label("b", "train", causes=("nobody",) * 2)]
    problems = corpus_problems(utterances, labels)
    assert problems == [
        "the utterance 'a' has the cause 'b', which is not in its dialogue",
        *["the utterance 'b' has the cause 'nobody', which is not in its dialogue"] * 2,
        "the utterance 'b' names a cause twice: nobody nobody",
    ]
