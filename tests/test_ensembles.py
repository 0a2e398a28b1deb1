"""Seeds and heads put together, by hand."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from features.errors import ProjectError
from features.manifest import Label
from features.params.load import parse_params
from features.params.yaml_files import read_yaml
from tests.run_world import PARAMS
from train.scoring.calibration import tempered
from train.scoring.class_measure import ClassMeasure
from train.scoring.combining import (
    STRENGTHS,
    equal_weights,
    fitted_adjustment,
    fitted_stack,
    fitted_weights,
)
from train.scoring.ensemble import averaged, ensemble, fitted_calibration
from train.scoring.measure import Numbers
from train.scoring.number_measure import NumberMeasure
from train.scoring.pair_measure import PairMeasure, recentred
from train.scoring.predictions import RunPredictions

MEASURE = ClassMeasure("emotion", ("a", "b", "c"))


class TestSeeds:
    def test_probabilities_are_tempered_and_then_averaged(self) -> None:
        seeds = np.random.default_rng(0).dirichlet(np.ones(3), (2, 4))
        labels = [Label(str(n), emotion="abca"[n]) for n in range(4)]
        test = RunPredictions(labels, ["f", "f", "g", "g"], {"emotion": seeds})
        temperatures = {"f": [2.0, 0.5], "g": [1.0, 3.0]}
        together = ensemble([MEASURE], test, {"emotion": {"temperatures": temperatures}})
        first = (tempered(seeds[0, :2], 2.0) + tempered(seeds[1, :2], 0.5)) / 2
        assert np.allclose(together.predicted["emotion"][0, :2], first)
        assert together.predicted["emotion"].shape == (1, 4, 3)

    def test_numbers_are_averaged(self) -> None:
        measure = NumberMeasure("valence", "vad")
        test = RunPredictions([Label("x")], ["f"], {"valence": np.array([[1.0], [4.0]])})
        assert ensemble([measure], test, {}).predicted["valence"].tolist() == [[2.5]]

    def test_emotions_of_pairs_are_voted_on_and_strengths_averaged(self) -> None:
        measure = PairMeasure(("anger", "joy"), earlier=1, later=0)
        each = np.array([[[0, 0.9, 0.0, 0]], [[1, 0.8, 0.2, 0]], [[1, 0.1, 0.1, 0]]], float)
        assert averaged(measure, each)[0].tolist() == pytest.approx([1, 0.6, 0.1, 0])
        # With weights, a head that weighs more than the others together has the vote.
        assert averaged(measure, each, [0.6, 0.2, 0.2])[0, 0] == 0

    def test_the_threshold_of_pairs_is_selected_on_dev(self) -> None:
        measure = PairMeasure(("anger",), earlier=1, later=0)
        names = [f"u{n}" for n in range(4)]
        labels = [
            Label(name, dialogue="d", turn=n, emotion="anger", causes=(name,))
            for n, name in enumerate(names)
        ]
        # All true pairs have a strength of 0.4: at 0.5 nothing is found, below it everything.
        rows = np.array([[[0, 0.4, 0.1, 0]] * 4] * 2)
        dev = RunPredictions(labels, ["f"] * 4, {"cause_pairs": rows})
        calibration = fitted_calibration([measure], dev)
        assert 0.1 <= calibration["cause_pairs"]["thresholds"]["f"] < 0.4
        together = ensemble([measure], dev, calibration).predicted["cause_pairs"][0]
        assert (together[:, 1] > 0.5).all() and (together[:, 2] <= 0.5).all()
        # One seed has selected its own threshold, and is answered as the report scores it.
        alone = RunPredictions(labels, ["f"] * 4, {"cause_pairs": rows[:1]})
        assert fitted_calibration([measure], alone)["cause_pairs"]["thresholds"]["f"] == 0.5

    def test_recentring_keeps_the_order_and_moves_the_threshold(self) -> None:
        strengths = np.array([0.0, 0.2, 0.3, 1.0])
        moved = recentred(strengths, 0.3)
        assert moved[[0, 2, 3]].tolist() == pytest.approx([0, 0.5, 1])
        assert (np.diff(moved) > 0).all()


def two_heads(seed: int, good: float, poor: float) -> tuple[Numbers, Numbers]:
    """Truth, and the predictions of a good and of a poor head."""
    random = np.random.default_rng(seed)
    truth = random.integers(0, 3, 600)
    heads = []
    for sharpness in (good, poor):
        logits = sharpness * np.eye(3)[truth] + random.normal(size=(600, 3))
        heads.append(np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True))
    return truth.astype(float), np.stack(heads)


class TestHeads:
    def test_a_head_that_knows_nothing_gets_no_weight(self) -> None:
        truth, each = two_heads(0, 3.0, 0.0)
        weights = fitted_weights(MEASURE, truth, each).weights
        assert weights[0] > 0.95 and weights.sum() == pytest.approx(1)

    def test_weights_have_the_least_loss_of_all(self) -> None:
        truth, each = two_heads(1, 2.0, 1.5)
        rows = np.arange(600), truth.astype(int)

        def loss(weight: float) -> float:
            return float(-np.log((weight * each[0] + (1 - weight) * each[1])[rows]).mean())

        fitted = fitted_weights(MEASURE, truth, each).weights[0]
        assert loss(fitted) <= min(loss(w) for w in np.linspace(0, 1, 101)) + 1e-6

    def test_numbers_are_weighed_by_their_errors(self) -> None:
        measure = NumberMeasure("valence", "vad")
        random = np.random.default_rng(0)
        truth = random.normal(size=500)
        each = np.stack([truth + random.normal(0, s, 500) for s in (0.5, 1.0)])
        # Independent errors weigh by the inverse of their variances: 4 to 1.
        assert fitted_weights(measure, truth, each).weights[0] == pytest.approx(0.8, abs=0.05)

    def test_stacking_uses_what_the_probabilities_do_not_say(self) -> None:
        truth, each = two_heads(2, 2.0, 2.0)
        # The second head calls a what is b, and b what is a.
        each[1] = each[1][:, [1, 0, 2]]
        stacked = fitted_stack(MEASURE, truth[:300], each[:, :300])
        right = (stacked(each[:, 300:]).argmax(axis=1) == truth[300:]).mean()
        mean = (equal_weights(MEASURE, 2)(each[:, 300:]).argmax(axis=1) == truth[300:]).mean()
        assert right > mean + 0.1


def test_a_dev_set_with_one_class_is_weighed_where_a_regression_cannot_be_fitted() -> None:
    _, each = two_heads(3, 1.0, 1.0)
    stacked = fitted_stack(MEASURE, np.ones(600), each)
    assert stacked(each).shape == (600, 3) and "weights" in vars(stacked)


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        ("{heads: [main]}", r"heads is \['main'\]; it must name two or more different heads"),
        ("{heads: [main, main]}", "two or more different heads"),
        ("{heads: [main, liner]}", "names 'liner'.*Did you mean 'linear'"),
        ("{heads: [main, linear], combine: voting}", "combine is 'voting'"),
        ("{heads: [main, other]}", "'other' and 'main' differ in corpus"),
    ],
)
def test_what_cannot_be_put_together_is_refused(entry: str, message: str, tmp_path: Path) -> None:
    other = PARAMS.replace(
        "continued:",
        "  other:\n    <<: *head\n    corpus: yours\ncontinued:",
    )
    (tmp_path / "params.yaml").write_text(f"{other}ensembles:\n  together: {entry}\n")
    with pytest.raises(ProjectError, match=message):
        parse_params(read_yaml(tmp_path / "params.yaml"))


def test_an_ensemble_has_a_name_of_its_own(tmp_path: Path) -> None:
    text = f"{PARAMS}ensembles:\n  main: {{heads: [main, linear]}}\n"
    (tmp_path / "params.yaml").write_text(text)
    with pytest.raises(ProjectError, match="also the name of an entry in heads"):
        parse_params(read_yaml(tmp_path / "params.yaml"))


class TestAdjustment:
    COUNTS = (80, 10, 10)

    def adjusted(self, each: Numbers, truth: Numbers, metric: str = "macro_f1") -> Any:
        combination = equal_weights(MEASURE, len(each))
        return fitted_adjustment(MEASURE, truth, each, combination, self.COUNTS, metric)

    def test_the_prior_is_divided_out_with_the_power_that_is_best_on_dev(self) -> None:
        # The common class is first everywhere; with the prior divided out the rare ones are right.
        each = np.array([[[0.6, 0.3, 0.1], [0.6, 0.1, 0.3], [0.98, 0.01, 0.01]]])
        fitted = self.adjusted(each, np.array([1.0, 2.0, 0.0]))
        assert fitted(each).argmax(axis=1).tolist() == [1, 2, 0]
        weight = 8.0**fitted.strength  # of a rare class against the common one
        expected = np.array([0.6, 0.3 * weight, 0.1 * weight])
        assert np.allclose(fitted(each)[0], expected / expected.sum())
        assert 0 < fitted.strength == min(s for s in STRENGTHS if 0.3 * 8.0**s > 0.6)

    def test_the_least_of_equal_powers_is_taken(self) -> None:
        each = np.array([[[0.9, 0.05, 0.05], [0.1, 0.8, 0.1], [0.1, 0.1, 0.8]]])
        fitted = self.adjusted(each, np.array([0.0, 1.0, 2.0]))
        assert fitted.strength == 0 and np.allclose(fitted(each), each[0])
        assert fitted.as_json(["main"]) == {"main": 1.0}


def test_an_adjustment_of_numbers_is_refused(tmp_path: Path) -> None:
    text = PARAMS.replace("tasks: {emotion: {}}", "tasks: {vad: {}}")
    text += "ensembles:\n  both: {heads: [main, linear], imbalance: logit-adjustment}\n"
    (tmp_path / "params.yaml").write_text(text.replace("lr: 0.01}", "lr: 0.01, choose_by: ccc}"))
    with pytest.raises(ProjectError, match=r"imbalance is 'logit-adjustment', which needs a task"):
        parse_params(read_yaml(tmp_path / "params.yaml"))
