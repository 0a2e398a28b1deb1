"""Sets of classes: thresholds by hand, and coverage where utterances come in groups."""

import numpy as np
import pytest

from features.manifest import Label
from train.scoring.class_measure import ClassMeasure
from train.scoring.conformal import (
    class_sets,
    conformal_scores,
    coverage_on_test,
    threshold,
    unit_of,
)
from train.scoring.predictions import RunPredictions

MEASURE = ClassMeasure("emotion", ("a", "b"))


class TestThreshold:
    def test_single_utterances_by_hand(self) -> None:
        # Nine scores and a new one: 0.9 of ten are below the ninth, 0.8 below the eighth.
        scores = [0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9]
        assert threshold(scores, range(9), 0.9) == 0.9
        assert threshold(scores, range(9), 0.8) == 0.8
        assert threshold(scores, range(9), 0.75) == 0.8

    def test_too_few_groups_promise_nothing_but_every_class(self) -> None:
        assert threshold([0.1, 0.2], [0, 1], 0.9) == 1.0

    def test_a_group_weighs_as_much_as_another_however_large(self) -> None:
        # Of three groups and a new one each has a quarter; the hundred of the first share one.
        scores, groups = [0.9] * 100 + [0.1, 0.2], [0] * 100 + [1, 2]
        assert threshold(scores, groups, 0.5) == 0.2
        assert threshold(scores, groups, 0.5 + 1e-6) == 0.9

    def test_order_does_not_matter(self) -> None:
        assert threshold([0.3, 0.1, 0.2], [0, 1, 2], 0.5) == 0.2


class TestSets:
    def test_classes_above_the_limit_and_always_the_likeliest(self) -> None:
        probabilities = np.array([[0.6, 0.3, 0.1], [0.34, 0.33, 0.33]])
        assert class_sets(probabilities, 0.7).tolist() == [[True, True, False], [True] * 3]
        assert class_sets(probabilities, 0.1).tolist() == [[True, False, False]] * 2


def simulated(seed: int, num_groups: int, first: int) -> RunPredictions:
    """Utterances of speakers some of whom are hard: probabilities fit some and not others."""
    random = np.random.default_rng(seed)
    labels, probabilities = [], []
    for speaker in range(first, first + num_groups):
        sharpness = random.uniform(0.0, 3.0)
        for n in range(int(random.integers(2, 30))):
            truth = int(random.integers(2))
            logit = sharpness * (2 * truth - 1) + random.standard_normal() * 1.5
            p = 1 / (1 + np.exp(-logit))
            labels.append(Label(f"{speaker}-{n}", speaker=f"s{speaker}", emotion="ab"[truth]))
            probabilities.append([1 - p, p])
    return RunPredictions(labels, ["f"] * len(labels), {"emotion": np.array([probabilities])})


def test_new_speakers_are_covered_as_often_as_stated() -> None:
    by_speaker = []
    for seed in range(60):
        dev, test = simulated(seed, 30, 0), simulated(seed + 1000, 20, 100)
        assert unit_of(dev, test) == "speaker"
        about = coverage_on_test(MEASURE, dev, test, "speaker")
        assert 0 < about["mean_size"] <= 2 and about["num_utterances"] == len(test.labels)
        scores = conformal_scores(MEASURE, dev, "speaker")
        limit = threshold(scores["scores"], scores["groups"], 0.9)
        sets = class_sets(test.predicted["emotion"][0], limit)
        truth = MEASURE.truth(test.labels).astype(int)
        held = sets[np.arange(len(truth)), truth]
        speakers = np.array([label.speaker for label in test.labels])
        by_speaker.append(np.mean([held[speakers == s].mean() for s in set(speakers)]))
    assert 0.9 - 0.02 <= np.mean(by_speaker) <= 0.9 + 0.06


class TestUnits:
    def labels(self, names: str, prefix: str, field: str = "speaker") -> RunPredictions:
        labels = [Label(f"{prefix}{n}", **{field: x}) for n, x in enumerate(names)]  # type: ignore[arg-type]
        return RunPredictions(labels, ["f"] * len(labels), {})

    def test_speakers_of_both_sets_are_not_exchangeable_with_new_ones(self) -> None:
        dev, test = self.labels("abcdefghijkl", "d"), self.labels("xyz", "t")
        assert unit_of(dev, test) == "speaker"
        assert unit_of(dev, self.labels("xya", "t")) == "utterance"
        assert unit_of(self.labels("abc", "d"), test) == "utterance"  # too few

    def test_dialogues_where_there_are_no_speakers(self) -> None:
        dev = self.labels("abcdefghijkl", "d", "dialogue")
        assert unit_of(dev, self.labels("xyz", "t", "dialogue")) == "dialogue"


def test_speakers_that_a_fold_tests_do_not_calibrate_it() -> None:
    """Their scores are all 1: with them every set would be full."""
    dev = simulated(0, 30, 0)
    hard = RunPredictions(
        [Label(f"h{n}", speaker=f"s{200 + n % 10}", emotion="a") for n in range(50)],
        ["g"] * 50,
        {"emotion": np.array([[[0.0, 1.0]] * 50])},
    )
    both = RunPredictions(
        [*dev.labels, *hard.labels],
        [*dev.folds, *hard.folds],
        {"emotion": np.concatenate([dev.predicted["emotion"], hard.predicted["emotion"]], axis=1)},
    )
    test = RunPredictions(hard.labels, ["f"] * 50, hard.predicted)
    kept = coverage_on_test(MEASURE, both, test, "speaker")
    alone = coverage_on_test(MEASURE, dev, test, "speaker")
    assert kept == pytest.approx(alone) and kept["measured"] < 1
