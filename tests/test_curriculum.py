"""Difficulty, worked out by hand, and how much of the training part each epoch sees."""

import math

import numpy as np
import pytest
import torch

from features.errors import ProjectError
from features.manifest import Label
from features.specs.training import CurriculumSpec
from train.loop.curriculum import easiest, num_seen, share_of
from train.loop.difficulty import by_class_frequency, by_first_model, by_vad, ranks
from train.scoring.class_measure import ClassMeasure
from train.scoring.number_measure import NumberMeasure


def test_ranks_are_even_and_equal_values_share_one() -> None:
    assert ranks(torch.tensor([3.0, 1.0, 2.0])).tolist() == [1.0, 0.0, 0.5]
    assert ranks(torch.tensor([1.0, 5.0, 5.0, 9.0, 5.0])).tolist() == [0.0, 0.5, 0.5, 1.0, 0.5]
    assert ranks(torch.tensor([7.0])).tolist() == [0.0]


def test_rare_classes_are_difficult() -> None:
    names = ["joy", "joy", "joy", "fear", "anger", "anger", None]
    labels = [Label(str(n), emotion=name) for n, name in enumerate(names)]
    found = by_class_frequency(labels, "emotion").tolist()
    assert found[3] == 1.0 > found[4] == found[5] > found[0] == found[1] > found[6] == 0.0


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
    found = by_vad(labels, "emotion").tolist()
    assert found[2] == 1.0 and found[5] == 0.5 and max(found[0], found[1], found[3], found[4]) < 1


def test_what_a_first_model_finds_unlikely_is_difficult() -> None:
    labels = [Label("a", emotion="joy"), Label("b", emotion="joy"), Label("c", emotion="anger")]
    measure = ClassMeasure("emotion", ("anger", "joy"))
    told = {"emotion": np.array([[0.1, 0.9], [0.6, 0.4], [0.8, 0.2]])}
    assert by_first_model([measure], told, labels).tolist() == [0.0, 1.0, 0.5]
    numbers = NumberMeasure("phq8", "phq8")
    scored = [Label(str(n), phq8=float(n)) for n in range(3)]
    told = {"phq8": np.array([0.0, 3.0, 3.0])}
    assert by_first_model([numbers], told, scored).tolist() == [0.0, 1.0, 0.5]


@pytest.mark.parametrize(("find", "message"), [(by_vad, "vad"), (by_class_frequency, "frequency")])
def test_labels_that_are_lacking_are_named(find: object, message: str) -> None:
    with pytest.raises(ProjectError, match=f"{message}.*choose another"):
        find([Label("a"), Label("b")], "emotion")  # type: ignore[operator]


@pytest.mark.parametrize(
    ("pacing", "middle"),
    [("linear", 0.625), ("square-root", math.sqrt(0.0625 + 0.9375 / 2)), ("exponential", 0.5)],
)
def test_pacing_grows_from_its_start_to_all(pacing: str, middle: float) -> None:
    spec = CurriculumSpec(pacing, start=0.25, epochs=4)  # type: ignore[arg-type]
    assert share_of(spec, 1) == 0.25
    assert share_of(spec, 3) == pytest.approx(middle)
    assert share_of(spec, 5) == share_of(spec, 50) == 1.0
    assert [num_seen(spec, epoch, 8) for epoch in (1, 5)] == [2, 8]
    assert num_seen(CurriculumSpec(start=0.01), 1, 8) == 1
    assert share_of(None, 1) == 1.0


def test_the_easiest_come_first_and_stay_in_their_order() -> None:
    difficulty = torch.tensor([0.9, 0.1, 0.5, 0.2])
    assert easiest(difficulty, 2, 4).tolist() == [1, 3]
    assert easiest(difficulty, 3, 4).tolist() == [1, 2, 3]
    assert easiest(difficulty, 4, 4).tolist() == easiest(None, 4, 4).tolist() == [0, 1, 2, 3]
