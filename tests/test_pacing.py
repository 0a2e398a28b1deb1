"""Difficulty, worked out by hand, and the share of the training split that each epoch uses."""

import math

import numpy as np
import pytest
import torch

from features.errors import ProjectError
from features.manifest import Label
from features.specs.training import CurriculumSpec
from train.loop.difficulty import by_class_frequency, by_first_model, by_vad, ranks
from train.loop.pacing import easiest, num_scheduled, share_of
from train.scoring.class_measure import ClassMeasure
from train.scoring.number_measure import NumberMeasure


def test_ranks_are_even_and_equal_values_share_one() -> None:
    assert ranks(torch.tensor([3.0, 1.0, 2.0])).tolist() == [1.0, 0.0, 0.5]
    assert ranks(torch.tensor([1.0, 5.0, 5.0, 9.0, 5.0])).tolist() == [0.0, 0.5, 0.5, 1.0, 0.5]
    assert ranks(torch.tensor([7.0])).tolist() == [0.0]


def test_rare_classes_are_difficult() -> None:
    names = ["joy", "joy", "joy", "fear", "anger", "anger", None]
    labels = [Label(str(n), emotion=name) for n, name in enumerate(names)]
    difficulty = by_class_frequency(labels, "emotion").tolist()
    fear, anger, joy, unlabelled = difficulty[3], difficulty[4:6], difficulty[:3], difficulty[6]
    assert fear == 1.0 > anger[0] == anger[1] > joy[0] == joy[1] > unlabelled == 0.0


def test_utterances_nearer_to_another_class_are_difficult() -> None:
    points = [
        ("joy", 5.0),
        ("joy", 4.8),
        ("joy", 2.0),
        ("anger", 1.0),
        ("anger", 1.2),
        ("joy", None),
    ]
    labels = [Label(str(n), emotion=e, valence=v) for n, (e, v) in enumerate(points)]
    difficulty = by_vad(labels, "emotion").tolist()
    assert difficulty[2] == 1.0 and difficulty[5] == 0.5
    assert max(difficulty[n] for n in (0, 1, 3, 4)) < 1


def test_labels_that_a_first_model_finds_unlikely_are_difficult() -> None:
    labels = [Label("a", emotion="joy"), Label("b", emotion="joy"), Label("c", emotion="anger")]
    measure = ClassMeasure("emotion", ("anger", "joy"))
    predictions: dict[str, np.ndarray] = {"emotion": np.array([[0.1, 0.9], [0.6, 0.4], [0.8, 0.2]])}
    assert by_first_model([measure], predictions, labels).tolist() == [0.0, 1.0, 0.5]
    number_measure = NumberMeasure("phq8", "phq8")
    scored = [Label(str(n), phq8=float(n)) for n in range(3)]
    predictions = {"phq8": np.array([0.0, 3.0, 3.0])}
    assert by_first_model([number_measure], predictions, scored).tolist() == [0.0, 1.0, 0.5]


@pytest.mark.parametrize(("ranking", "name"), [(by_vad, "vad"), (by_class_frequency, "frequency")])
def test_missing_labels_are_named(ranking: object, name: str) -> None:
    with pytest.raises(ProjectError, match=f"{name}.*choose another"):
        ranking([Label("a"), Label("b")], "emotion")  # type: ignore[operator]


@pytest.mark.parametrize(
    ("pacing", "middle"),
    [("linear", 0.625), ("square-root", math.sqrt(0.0625 + 0.9375 / 2)), ("exponential", 0.5)],
)
def test_the_share_grows_from_its_start_to_one(pacing: str, middle: float) -> None:
    spec = CurriculumSpec(pacing, start=0.25, epochs=4)  # type: ignore[arg-type]
    assert share_of(spec, 1) == 0.25
    assert share_of(spec, 3) == pytest.approx(middle)
    assert share_of(spec, 5) == share_of(spec, 50) == 1.0
    assert [num_scheduled(spec, epoch, 8) for epoch in (1, 5)] == [2, 8]
    assert num_scheduled(CurriculumSpec(start=0.01), 1, 8) == 1
    assert share_of(None, 1) == 1.0


def test_the_easiest_come_first_and_stay_in_their_order() -> None:
    difficulty = torch.tensor([0.9, 0.1, 0.5, 0.2])
    assert easiest(difficulty, 2, 4).tolist() == [1, 3]
    assert easiest(difficulty, 3, 4).tolist() == [1, 2, 3]
    assert easiest(difficulty, 4, 4).tolist() == easiest(None, 4, 4).tolist() == [0, 1, 2, 3]
