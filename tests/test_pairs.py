"""Pairs of emotion and cause: worked out by hand, as SemEval-2024 Task 3 scores them."""

import numpy as np
import pytest

from features.manifest import Label
from train.scoring.measure import UNKNOWN
from train.scoring.metrics import class_figures, scores
from train.scoring.pair_measure import PairMeasure, distances

MEASURE = PairMeasure(("anger", "joy"), earlier=2, later=1)


def conversation() -> list[Label]:
    """Five turns and seven pairs: joy (1 < 0), (1 < 1), anger (2 < 3), (3 < 0), (3 < 2), (3 < 3),
    joy (4 < 4)."""
    turns = [
        ("neutral", ()),
        ("joy", ("u0", "u1")),
        ("anger", ("u3",)),
        ("anger", ("u0", "u2", "u3")),
        ("joy", ("u4",)),
    ]
    return [
        Label(f"u{n}", dialogue="d", turn=n, emotion=emotion, causes=causes)
        for n, (emotion, causes) in enumerate(turns)
    ]


def predicted(*pairs: tuple[int, str, int]) -> np.ndarray:
    """Predictions of some pairs: (utterance, emotion, cause)."""
    rows = np.zeros((5, MEASURE.width + 2))
    rows[:, 0] = UNKNOWN
    for row, emotion, cause in pairs:
        rows[row, 0] = MEASURE.classes.index(emotion)
        rows[row, 1 + row - cause + MEASURE.later] = 1
    return rows


# Correct: joy (1 < 0) and (4 < 4), anger (3 < 3). Wrong: joy (2 < 3), whose emotion is anger, and
# anger (0 < 0), which is neutral.
GUESSES = predicted((1, "joy", 0), (4, "joy", 4), (3, "anger", 3), (2, "joy", 3), (0, "anger", 0))


def test_truth_is_the_emotion_and_how_far_off_its_causes_are() -> None:
    truth = MEASURE.truth(conversation())
    # One turn after, here, one before, two before; then those out of reach.
    assert truth.tolist() == [
        [UNKNOWN, 0, 0, 0, 0, 0],
        [1, 0, 1, 1, 0, 0],
        [0, 1, 0, 0, 0, 0],
        [0, 0, 1, 1, 0, 1],  # three turns before is further than the two of the measure
        [1, 0, 1, 0, 0, 0],
    ]


def test_the_official_figures_equal_values_worked_out_by_hand() -> None:
    # anger: 4 annotated, 2 predicted, 1 right: P 1/2, R 1/4, F1 2/6.
    # joy: 3 annotated, 3 predicted, 2 right: P 2/3, R 2/3, F1 4/6.
    assert scores(MEASURE, MEASURE.truth(conversation()), GUESSES) == pytest.approx(
        {
            "pair_weighted_f1": (4 * (2 / 6) + 3 * (4 / 6)) / 7,
            "pair_weighted_precision": (4 * (1 / 2) + 3 * (2 / 3)) / 7,
            "pair_weighted_recall": (4 * (1 / 4) + 3 * (2 / 3)) / 7,
            "pair_f1": 2 * 3 / (7 + 5),
            "pair_precision": 3 / 5,
            "pair_recall": 3 / 7,
        }
    )


def test_figures_by_emotion_are_those_of_its_pairs() -> None:
    anger, joy = class_figures(MEASURE, MEASURE.truth(conversation()), GUESSES)
    assert anger == pytest.approx({"support": 4, "precision": 0.5, "recall": 0.25, "f1": 1 / 3})
    assert joy == pytest.approx({"support": 3, "precision": 2 / 3, "recall": 2 / 3, "f1": 2 / 3})


def test_a_perfect_head_misses_only_causes_out_of_reach() -> None:
    truth = MEASURE.truth(conversation())
    figures = scores(MEASURE, truth, np.concatenate([truth[:, :-1], np.zeros((5, 1))], axis=1))
    assert figures["pair_precision"] == 1 and figures["pair_recall"] == pytest.approx(6 / 7)


def test_without_a_prediction_all_figures_are_zero() -> None:
    assert set(scores(MEASURE, MEASURE.truth(conversation()), predicted()).values()) == {0.0}


def test_unlabelled_utterances_do_not_change_the_scores() -> None:
    labels = [*conversation(), Label("x", dialogue="e")]
    truth = MEASURE.truth(labels)
    assert MEASURE.labelled(truth).tolist() == [True] * 5 + [False]
    guesses = np.concatenate([GUESSES, GUESSES[1:2]])
    assert scores(MEASURE, truth, guesses) == scores(MEASURE, truth[:5], GUESSES)


def test_distances_do_not_depend_on_the_order_of_the_labels() -> None:
    labels = conversation()
    assert distances(labels) == [[], [1, 0], [-1], [3, 1, 0], [0]]
    assert distances(labels[::-1]) == [[0], [3, 1, 0], [-1], [1, 0], []]
    elsewhere = Label("y", dialogue="f", emotion="joy", causes=("u0", "nobody"))
    assert distances([*labels, elsewhere])[-1] == [None, None]
    assert MEASURE.truth([*labels, elsewhere])[-1].tolist() == [1, 0, 0, 0, 0, 2]


def test_the_majority_baseline_predicts_the_commonest_emotion_and_the_commonest_distance() -> None:
    rows = MEASURE.majority(conversation(), 2)
    assert [MEASURE.as_json(row) for row in rows] == [{"predicted": "anger", "causes": [0]}] * 2


def test_a_prediction_survives_conversion_to_json() -> None:
    assert MEASURE.as_json(GUESSES[2]) == {"predicted": "joy", "causes": [-1]}
    assert MEASURE.as_json(predicted()[0]) == {"predicted": None, "causes": []}
    for row in GUESSES:
        assert np.array_equal(MEASURE.from_json(MEASURE.as_json(row)), row)


def test_strengths_survive_conversion_to_json() -> None:
    row = np.array([1, 0.25, 0.75, 0.0, 0.5, 0.0])
    said = {**MEASURE.as_json(row), **MEASURE.decided_by(row)}
    assert said["predicted"] == "joy" and said["causes"] == [0]
    assert said["strengths"] == {"-1": 0.25, "0": 0.75, "2": 0.5}
    assert np.array_equal(MEASURE.from_json(said), row)


def test_emotions_that_have_no_causes_in_training_are_unseen() -> None:
    fear = Label("z", emotion="fear", causes=("z",))
    assert MEASURE.unseen_classes([*conversation(), fear]) == ["fear"]
