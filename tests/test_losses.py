"""Losses, worked out by hand, and conformance of the tasks that use them."""

import math
from dataclasses import replace
from typing import Any

import pytest
import torch

from features.leaves import leaf_constant, leaf_names, leaf_parameters, load_leaf
from features.manifest import Label
from train.data.dialogues import Places
from train.model.contracts import Encoded
from train.model.losses import NUMBER_LOSSES, Uncertainty, focal
from train.scoring.measure import UNKNOWN
from train.tasks._classes import ClassTask

TASKS = leaf_names("train/tasks")
LABELS = [
    Label(
        "a", dialogue="1", emotion="joy", sentiment="good", depression="depressed", valence=4.0,
        arousal=1.0, dominance=3.0, phq8=12.0, causes=("a",), is_cause="cause",
    ),
    Label(
        "b", dialogue="1", emotion="anger", sentiment="bad", depression="not-depressed",
        valence=2.0, arousal=3.0, dominance=1.0, phq8=3.0, causes=("a", "c"),
        is_cause="no-cause",
    ),
    Label(
        "c", dialogue="1", emotion="joy", sentiment="good", depression="depressed", valence=3.0,
        arousal=2.0, dominance=2.0, phq8=15.0, causes=("a",), is_cause="cause",
    ),
    Label("d"),
]  # fmt: skip
# Values of settings, other than their defaults, under which labels can be learned.
VALUES: dict[str, list[Any]] = {
    "loss": list(NUMBER_LOSSES),
    "class_weights": ["none", "balanced"],
    "label_smoothing": [0.1],
    "focal_gamma": [2.0],
    "weight": [0.5],
    "hidden": [8],
    "distance": [False],
    "speakers": ["same-other"],
}


def encoded(vectors: torch.Tensor) -> Encoded:
    """Vectors of the first utterances of LABELS, as a head passes them to its tasks."""
    return Encoded({}, vectors, Places.of(LABELS).of_rows(torch.arange(len(vectors))))


class TestByHand:
    predicted, truth = torch.tensor([0.0, 2.0, 4.0]), torch.tensor([1.0, 2.0, 0.0])
    equal_weights = torch.ones(3)

    def test_errors(self) -> None:
        losses = {
            name: float(loss(self.predicted, self.truth, self.equal_weights))
            for name, loss in NUMBER_LOSSES.items()
        }
        assert losses["mse"] == pytest.approx(17 / 3)
        assert losses["rmse"] == pytest.approx(math.sqrt(17 / 3))
        assert losses["mae"] == pytest.approx(5 / 3)
        assert losses["huber"] == pytest.approx((0.5 + 0 + 3.5) / 3)

    def test_concordance(self) -> None:
        # Means 2 and 1, variances 8/3 and 2/3, covariance ((-2)(0) + (0)(1) + (2)(-1)) / 3.
        expected = 1 - 2 * (-2 / 3) / (8 / 3 + 2 / 3 + 1)
        ccc = NUMBER_LOSSES["ccc"]
        assert float(ccc(self.predicted, self.truth, self.equal_weights)) == pytest.approx(expected)
        same = torch.tensor([1.0, 2.0, 5.0])
        assert float(ccc(same, same, self.equal_weights)) == pytest.approx(0, abs=1e-6)

    @pytest.mark.parametrize("name", NUMBER_LOSSES)
    def test_a_weight_of_two_counts_an_utterance_twice(self, name: str) -> None:
        twice = torch.tensor([0, 1, 2, 2])
        loss, weights = NUMBER_LOSSES[name], torch.tensor([1.0, 1.0, 2.0])
        expected = loss(self.predicted[twice], self.truth[twice], torch.ones(4))
        assert torch.allclose(loss(self.predicted, self.truth, weights), expected)

    @pytest.mark.parametrize("name", NUMBER_LOSSES)
    def test_a_constant_or_exact_prediction_has_a_finite_gradient(self, name: str) -> None:
        predicted = torch.full((3,), 1.0, requires_grad=True)
        NUMBER_LOSSES[name](predicted, torch.ones(3), self.equal_weights).backward()
        assert predicted.grad is not None and bool(predicted.grad.isfinite().all())

    def test_focal_is_cross_entropy_without_gamma_and_weighs_easy_utterances_less(self) -> None:
        logits, targets = torch.randn(6, 3), torch.tensor([0, 1, 2, 0, 1, 2])
        weight = torch.tensor([1.0, 2.0, 3.0])
        plain = torch.nn.functional.cross_entropy(logits, targets, weight)
        without_gamma = focal(logits, targets, weight, 0.0, 0.0).sum() / weight[targets].sum()
        assert torch.allclose(without_gamma, plain)
        easy = focal(torch.tensor([[4.0, 0.0]]), torch.tensor([0]), torch.ones(2), 0.0, 2.0)
        p = 1 / (1 + math.exp(-4))
        assert float(easy) == pytest.approx((1 - p) ** 2 * -math.log(p), rel=1e-4)

    def test_uncertain_tasks_weigh_less(self) -> None:
        weighting = Uncertainty(2)
        losses = torch.tensor([1.0, 4.0])
        assert float(weighting(losses).detach()) == 5
        optimiser = torch.optim.SGD(weighting.parameters(), lr=0.1)
        for _ in range(400):
            optimiser.zero_grad()
            weighting(losses).backward()
            optimiser.step()
        # The sum of exp(-s) * loss + s is least where exp(-s) is 1 / loss.
        assert torch.exp(-weighting.log_variances).tolist() == pytest.approx([1, 0.25], rel=0.01)


@pytest.fixture(params=TASKS)
def task(request: pytest.FixtureRequest) -> Any:
    leaf = load_leaf("train/tasks", request.param)
    torch.manual_seed(0)
    return leaf.Task(4, leaf.Task.facts(LABELS))


@pytest.mark.parametrize("name", TASKS)
def test_a_task_declares_its_kind_and_what_it_predicts(name: str) -> None:
    leaf = load_leaf("train/tasks", name)
    measures = leaf.Task.measures(leaf.Task.facts(LABELS))
    assert {measure.kind for measure in measures} == {leaf_constant("train/tasks", name, "KIND")}
    assert {measure.task for measure in measures} == {name}
    assert all(hasattr(LABELS[0], measure.label) for measure in measures)


def test_predictions_match_the_measures_of_the_task(task: Any) -> None:
    leaf = load_leaf("train/tasks", type(task).__module__.rpartition(".")[2])
    predictions = task.predict(task(encoded(torch.randn(4, 4))))
    for measure in leaf.Task.measures(leaf.Task.facts(LABELS)):
        predicted = predictions[measure.name]
        assert predicted.shape[0] == 4 and predicted.shape == measure.majority(LABELS, 4).shape
        if measure.kind == "classes":
            assert torch.allclose(predicted.sum(dim=1), torch.ones(4).double())
        for row in predicted.detach().numpy():
            again = measure.from_json(measure.as_json(row))
            assert measure.as_json(again)["predicted"] == measure.as_json(row)["predicted"]


def test_unlabelled_utterances_do_not_change_the_loss(task: Any) -> None:
    outputs, targets = task(encoded(torch.randn(4, 4))), task.targets(LABELS)
    assert torch.allclose(task.loss(outputs, targets), task.loss(outputs[:3], targets[:3]))
    unlabelled = task.loss(outputs[3:], targets[3:])
    assert float(unlabelled.detach()) == 0
    unlabelled.backward()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "setting", "value"),
    [
        (name, parameter.name, value)
        for name in TASKS
        for parameter in leaf_parameters("train/tasks", name, "Task")
        for value in VALUES.get(parameter.name, [parameter.default])
    ],
)
def test_labels_can_be_learned_with_every_setting(name: str, setting: str, value: Any) -> None:
    leaf = load_leaf("train/tasks", name)
    torch.manual_seed(0)
    task = leaf.Task(4, leaf.Task.facts(LABELS), **{setting: value})
    inputs, targets = encoded(torch.randn(4, 4)), task.targets(LABELS)
    optimiser = torch.optim.Adam(task.parameters(), lr=0.1)
    first = float(task.loss(task(inputs), targets).detach())
    for _ in range(100):
        optimiser.zero_grad()
        task.loss(task(inputs), targets).backward()
        optimiser.step()
    assert float(task.loss(task(inputs), targets).detach()) < 0.7 * first


def test_facts_name_the_classes_and_count_them() -> None:
    facts = load_leaf("train/tasks", "emotion").Task.facts(LABELS)
    assert facts == {"classes": ["anger", "joy"], "counts": [1, 2]}


def test_balanced_weights_are_inverse_frequencies() -> None:
    leaf = load_leaf("train/tasks", "emotion")
    task = leaf.Task(4, {"classes": ["a", "b"], "counts": [1, 3]}, class_weights="balanced")
    assert task.class_weights.tolist() == pytest.approx([2.0, 2 / 3])
    assert task.targets([Label("x", emotion="b"), Label("y")]).tolist() == [1, UNKNOWN]


def test_predicted_numbers_are_in_the_units_of_the_labels() -> None:
    leaf = load_leaf("train/tasks", "phq8")
    task = leaf.Task(4, leaf.Task.facts(LABELS))
    predictions = task.predict(task.targets(LABELS[:3]))
    assert predictions["phq8"].tolist() == pytest.approx([12, 3, 15])


def test_numbers_without_any_label_are_not_predicted() -> None:
    leaf = load_leaf("train/tasks", "vad")
    without = [replace(label, dominance=None) for label in LABELS]
    measures = leaf.Task.measures(leaf.Task.facts(without))
    assert [measure.name for measure in measures] == ["valence", "arousal"]


def test_a_class_task_may_be_called_otherwise_than_its_label() -> None:
    class Task(ClassTask):
        label = "sentiment"
        task = "ordinal-sentiment"

    (measure,) = Task.measures(Task.facts(LABELS))
    assert (measure.name, measure.label, measure.task) == (
        "sentiment", "sentiment", "ordinal-sentiment",
    )  # fmt: skip
