"""Metrics: worked out by hand, equal to scikit-learn's, and the same from sums."""

import numpy as np
import pytest
from sklearn.metrics import (
    balanced_accuracy_score,
    f1_score,
    mean_absolute_error,
    precision_score,
    root_mean_squared_error,
)

from features.manifest import Label
from train.scoring.class_measure import ClassMeasure
from train.scoring.measure import UNKNOWN
from train.scoring.metrics import class_figures, over_seeds, scores
from train.scoring.number_measure import NumberMeasure

CLASSES = ("a", "b", "c")
NAMED = ClassMeasure("emotion", CLASSES)
NUMBER = NumberMeasure("valence", "vad")


def chosen(names: str) -> np.ndarray:
    """Probabilities that are sure of some classes."""
    return np.eye(3)[[CLASSES.index(name) for name in names]]


def numbers(names: str) -> np.ndarray:
    return np.array([CLASSES.index(name) for name in names], float)


def test_classes_equal_values_worked_out_by_hand() -> None:
    # F1: a 2*2/(3+4) = 4/7, b 2*1/(1+2) = 2/3, c 0; recalls 2/3, 1, 0; precisions 1/2, 1/2, 0
    assert scores(NAMED, numbers("aaabcc"), chosen("aabbaa")) == pytest.approx(
        {
            "weighted_f1": (3 * 4 / 7 + 2 / 3) / 6,
            "macro_f1": (4 / 7 + 2 / 3) / 3,
            "weighted_precision": (3 / 2 + 1 / 2) / 6,
            "unweighted_accuracy": (2 / 3 + 1) / 3,
            "accuracy": 0.5,
        }
    )


def test_classes_equal_scikit_learn_on_random_data() -> None:
    random = np.random.default_rng(0)
    truth = random.integers(0, 3, 300).astype(float)
    predicted = random.dirichlet(np.ones(3), 300)
    guess = predicted.argmax(axis=1)
    found = scores(NAMED, truth, predicted)
    assert found["macro_f1"] == pytest.approx(f1_score(truth, guess, average="macro"))
    assert found["weighted_f1"] == pytest.approx(f1_score(truth, guess, average="weighted"))
    assert found["unweighted_accuracy"] == pytest.approx(balanced_accuracy_score(truth, guess))
    assert found["weighted_precision"] == pytest.approx(
        precision_score(truth, guess, average="weighted")
    )


def test_numbers_equal_scikit_learn_and_the_definition_of_concordance() -> None:
    random = np.random.default_rng(0)
    truth = random.normal(100, 3, 200)
    predicted = 0.5 * truth + random.normal(40, 1, 200)
    found = scores(NUMBER, truth, predicted)
    assert found["mae"] == pytest.approx(mean_absolute_error(truth, predicted))
    assert found["rmse"] == pytest.approx(root_mean_squared_error(truth, predicted))
    covariance = np.mean((truth - truth.mean()) * (predicted - predicted.mean()))
    distance = (truth.mean() - predicted.mean()) ** 2
    ccc = 2 * covariance / (truth.var() + predicted.var() + distance)
    assert found["ccc"] == pytest.approx(ccc)


def test_numbers_equal_values_worked_out_by_hand() -> None:
    # Truth 0 and 2, predicted 1 and 1: no variance in the predictions, so no concordance.
    assert scores(NUMBER, np.array([0.0, 2.0]), np.array([1.0, 1.0])) == {
        "ccc": 0.0, "rmse": 1.0, "mae": 1.0,
    }  # fmt: skip
    assert scores(NUMBER, np.array([0.0, 2.0]), np.array([0.0, 2.0]))["ccc"] == pytest.approx(1)
    assert scores(NUMBER, np.array([0.0, 2.0]), np.array([2.0, 0.0]))["ccc"] == pytest.approx(-1)


def test_what_is_not_labelled_counts_for_nothing() -> None:
    truth = np.append(numbers("aab"), UNKNOWN)
    assert scores(NAMED, truth, chosen("aaba")) == scores(NAMED, numbers("aab"), chosen("aab"))
    some = np.array([1.0, np.nan, 3.0])
    assert scores(NUMBER, some, np.array([1.0, 9.0, 2.0])) == scores(
        NUMBER, some[[0, 2]], np.array([1.0, 2.0])
    )


def test_a_class_that_is_not_in_the_truth_is_only_a_mistake() -> None:
    assert scores(NAMED, numbers("aa"), chosen("ac"))["unweighted_accuracy"] == 0.5


def test_sums_of_two_halves_give_the_scores_of_the_whole() -> None:
    random = np.random.default_rng(1)
    truth, predicted = random.normal(size=50), random.normal(size=(4, 50))
    tally = NUMBER.tallies(truth, predicted)
    halves = tally[:, :20].sum(axis=1) + tally[:, 20:].sum(axis=1)
    for seed in range(4):
        told = {name: values[seed] for name, values in NUMBER.scores(halves).items()}
        assert told == pytest.approx(scores(NUMBER, truth, predicted[seed]))


def test_the_baseline_is_the_commonest_training_class_or_the_mean() -> None:
    named = [Label(name, emotion=emotion) for name, emotion in zip("123", "baa", strict=True)]
    assert NAMED.majority(named, 2).argmax(axis=1).tolist() == [0, 0]
    valued = [Label("1", valence=1.0), Label("2"), Label("3", valence=3.0)]
    assert NUMBER.majority(valued, 2).tolist() == [2.0, 2.0]


def test_figures_by_class_are_those_of_the_confusion_matrix() -> None:
    a, b, c = class_figures(NAMED, numbers("aaabcc"), chosen("aabbaa"))
    assert a == pytest.approx({"support": 3, "precision": 0.5, "recall": 2 / 3, "f1": 4 / 7})
    assert b["precision"] == 0.5 and b["recall"] == 1 and c["f1"] == 0


def test_seeds_are_summarised_with_the_sample_deviation() -> None:
    summary = over_seeds([0.4, 0.6])
    assert summary["mean"] == pytest.approx(0.5)
    assert summary["std"] == pytest.approx(0.1 * 2**0.5)
    assert over_seeds([0.4])["std"] == 0.0


def test_truth_is_read_from_the_labels_by_name() -> None:
    labels = [Label("1", emotion="b", valence=2.5), Label("2")]
    assert NAMED.truth(labels).tolist() == [1, UNKNOWN]
    assert NAMED.known(NAMED.truth(labels)).tolist() == [True, False]
    assert NUMBER.known(NUMBER.truth(labels)).tolist() == [True, False]
