"""Metrics: worked out by hand, equal to scikit-learn's, and additive over utterances."""

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
EMOTION = ClassMeasure("emotion", CLASSES)
VALENCE = NumberMeasure("valence", "vad")


def certain(names: str) -> np.ndarray:
    """Probabilities of 1 for the named classes."""
    return np.eye(3)[[CLASSES.index(name) for name in names]]


def numbers(names: str) -> np.ndarray:
    return np.array([CLASSES.index(name) for name in names], float)


def test_classes_equal_values_worked_out_by_hand() -> None:
    # F1: a 2*2/(3+4) = 4/7, b 2*1/(1+2) = 2/3, c 0; recalls 2/3, 1, 0; precisions 1/2, 1/2, 0
    assert scores(EMOTION, numbers("aaabcc"), certain("aabbaa")) == pytest.approx(
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
    best = predicted.argmax(axis=1)
    figures = scores(EMOTION, truth, predicted)
    assert figures["macro_f1"] == pytest.approx(f1_score(truth, best, average="macro"))
    assert figures["weighted_f1"] == pytest.approx(f1_score(truth, best, average="weighted"))
    assert figures["unweighted_accuracy"] == pytest.approx(balanced_accuracy_score(truth, best))
    assert figures["weighted_precision"] == pytest.approx(
        precision_score(truth, best, average="weighted")
    )


def test_numbers_equal_scikit_learn_and_the_definition_of_concordance() -> None:
    random = np.random.default_rng(0)
    truth = random.normal(100, 3, 200)
    predicted = 0.5 * truth + random.normal(40, 1, 200)
    figures = scores(VALENCE, truth, predicted)
    assert figures["mae"] == pytest.approx(mean_absolute_error(truth, predicted))
    assert figures["rmse"] == pytest.approx(root_mean_squared_error(truth, predicted))
    covariance = np.mean((truth - truth.mean()) * (predicted - predicted.mean()))
    distance = (truth.mean() - predicted.mean()) ** 2
    ccc = 2 * covariance / (truth.var() + predicted.var() + distance)
    assert figures["ccc"] == pytest.approx(ccc)


def test_numbers_equal_values_worked_out_by_hand() -> None:
    # Truth 0 and 2, predicted 1 and 1: no variance in the predictions, so no concordance.
    assert scores(VALENCE, np.array([0.0, 2.0]), np.array([1.0, 1.0])) == {
        "ccc": 0.0, "rmse": 1.0, "mae": 1.0,
    }  # fmt: skip
    assert scores(VALENCE, np.array([0.0, 2.0]), np.array([0.0, 2.0]))["ccc"] == pytest.approx(1)
    assert scores(VALENCE, np.array([0.0, 2.0]), np.array([2.0, 0.0]))["ccc"] == pytest.approx(-1)


def test_unlabelled_utterances_do_not_change_the_scores() -> None:
    truth = np.append(numbers("aab"), UNKNOWN)
    assert scores(EMOTION, truth, certain("aaba")) == scores(
        EMOTION, numbers("aab"), certain("aab")
    )
    partly_labelled = np.array([1.0, np.nan, 3.0])
    assert scores(VALENCE, partly_labelled, np.array([1.0, 9.0, 2.0])) == scores(
        VALENCE, partly_labelled[[0, 2]], np.array([1.0, 2.0])
    )


def test_predicting_a_class_that_never_occurs_counts_as_an_error_alone() -> None:
    assert scores(EMOTION, numbers("aa"), certain("ac"))["unweighted_accuracy"] == 0.5


def test_sums_of_two_halves_give_the_scores_of_the_whole() -> None:
    random = np.random.default_rng(1)
    truth, predicted = random.normal(size=50), random.normal(size=(4, 50))
    tally = VALENCE.tallies(truth, predicted)
    halves = tally[:, :20].sum(axis=1) + tally[:, 20:].sum(axis=1)
    for seed in range(4):
        figures = {name: values[seed] for name, values in VALENCE.scores(halves).items()}
        assert figures == pytest.approx(scores(VALENCE, truth, predicted[seed]))


def test_the_majority_baseline_is_the_commonest_training_class_or_the_mean() -> None:
    with_classes = [
        Label(name, emotion=emotion) for name, emotion in zip("123", "baa", strict=True)
    ]
    assert EMOTION.majority(with_classes, 2).argmax(axis=1).tolist() == [0, 0]
    with_numbers = [Label("1", valence=1.0), Label("2"), Label("3", valence=3.0)]
    assert VALENCE.majority(with_numbers, 2).tolist() == [2.0, 2.0]


def test_figures_by_class_are_those_of_the_confusion_matrix() -> None:
    a, b, c = class_figures(EMOTION, numbers("aaabcc"), certain("aabbaa"))
    assert a == pytest.approx({"support": 3, "precision": 0.5, "recall": 2 / 3, "f1": 4 / 7})
    assert b["precision"] == 0.5 and b["recall"] == 1 and c["f1"] == 0


def test_seeds_are_summarised_with_the_sample_deviation() -> None:
    summary = over_seeds([0.4, 0.6])
    assert summary["mean"] == pytest.approx(0.5)
    assert summary["std"] == pytest.approx(0.1 * 2**0.5)
    assert over_seeds([0.4])["std"] == 0.0


def test_truth_is_read_from_the_label_of_the_same_name() -> None:
    labels = [Label("1", emotion="b", valence=2.5), Label("2")]
    assert EMOTION.truth(labels).tolist() == [1, UNKNOWN]
    assert EMOTION.labelled(EMOTION.truth(labels)).tolist() == [True, False]
    assert VALENCE.labelled(VALENCE.truth(labels)).tolist() == [True, False]


@pytest.mark.parametrize("metric", ["macro_f1", "unweighted_accuracy", "weighted_f1", "accuracy"])
def test_a_class_that_neither_occurs_nor_is_predicted_counts_for_nothing(metric: str) -> None:
    assert scores(EMOTION, numbers("aabb"), certain("aabb"))[metric] == 1
    present = EMOTION.__class__("emotion", ("a", "b"))
    two = scores(present, numbers("aabb"), certain("abbb")[:, :2])[metric]
    assert scores(EMOTION, numbers("aabb"), certain("abbb"))[metric] == pytest.approx(two)
