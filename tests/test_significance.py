"""Confidence intervals and paired comparisons: their coverage, and resampling by cluster."""

import numpy as np
import pytest

from benchmarks.worlds.simulated import NAMED, NUMBER, coverage
from features.manifest import Label
from train.scoring.significance import clusters, interval, intervals, paired


@pytest.mark.slow
@pytest.mark.parametrize(
    ("measure", "metric"), [(NAMED, "accuracy"), (NAMED, "macro_f1"), (NUMBER, "ccc")]
)
def test_intervals_cover_at_the_stated_rate(measure: object, metric: str) -> None:
    # 300 samples of a share of 0.95 have a standard error of 0.013.
    share = coverage(measure, metric, num_clusters=40, num_samples=300)  # type: ignore[arg-type]
    assert 0.92 <= share <= 0.985


@pytest.mark.slow
def test_resampling_single_utterances_would_cover_too_rarely() -> None:
    assert coverage(NAMED, "accuracy", 40, 300, clustered=False) < 0.9


def test_clusters_are_dialogues_or_else_speakers_or_else_utterances() -> None:
    both = [Label("a", speaker="s", dialogue="d"), Label("b", speaker="t", dialogue="d")]
    assert clusters(both) == ("dialogue", ["dialogue d"] * 2)
    spoken = [Label("a", speaker="s"), Label("b", speaker="s")]
    assert clusters(spoken) == ("speaker", ["speaker s"] * 2)
    assert clusters([Label("a"), Label("b")]) == ("utterance", ["utterance a", "utterance b"])
    mixed = [*both[:1], Label("b", speaker="t"), Label("c")]
    assert clusters(mixed) == ("dialogue", ["dialogue d", "speaker t", "utterance c"])


def test_one_cluster_has_no_interval() -> None:
    assert interval(np.array([0.5, 0.5]), 1) == (None, None)


def test_few_clusters_widen_the_interval_beyond_the_percentiles() -> None:
    values = np.random.default_rng(0).normal(size=100_000)
    plain = np.quantile(values, (0.025, 0.975))
    few, many = interval(values, 10), interval(values, 10_000)
    assert few[0] is not None and few[0] < plain[0] - 0.2 and few[1] is not None
    assert many == pytest.approx(plain, abs=0.01)


def test_intervals_are_reproducible_and_contain_the_figure() -> None:
    random = np.random.default_rng(0)
    truth = random.integers(0, 3, 90).astype(float)
    tally = NAMED.tallies(truth, random.dirichlet(np.ones(3), (4, 90)))
    names = [str(n // 3) for n in range(90)]
    limits = intervals(NAMED, tally, names)
    assert limits == intervals(NAMED, tally, names)
    low, high = limits["accuracy"]
    assert low is not None and high is not None and low < 1 / 3 < high


class TestPaired:
    def test_few_clusters_cannot_be_significant(self) -> None:
        truth = np.zeros(40)
        better, worse = (np.eye(3)[np.repeat([0, n], 20)] for n in (0, 1))
        tallies = [NAMED.tallies(truth, predicted)[None] for predicted in (better, worse)]
        names = [str(n % 5) for n in range(40)]
        difference = paired(NAMED, *tallies, names)["accuracy"]
        assert difference.value == 0.5 and difference.p == pytest.approx(2 / 32, abs=0.02)
        of_one_cluster = paired(NAMED, *tallies, ["all"] * 40)["accuracy"]
        assert of_one_cluster.limits == (None, None) and of_one_cluster.p is None

    @pytest.mark.slow
    def test_equal_heads_differ_significantly_as_rarely_as_stated(self) -> None:
        random = np.random.default_rng(0)
        num_significant = 0
        for _ in range(200):
            truth = random.integers(0, 3, 60).astype(float)
            tallies = [NAMED.tallies(truth, random.dirichlet(np.ones(3), (2, 60))) for _ in "ab"]
            differences = paired(NAMED, *tallies, [str(n // 4) for n in range(60)])
            num_significant += differences["accuracy"].p < 0.05  # type: ignore[operator]
        assert num_significant / 200 < 0.09

    def differences(self, share: float) -> dict[str, object]:
        """Of two heads, the first right on a share of the second's errors as well."""
        random = np.random.default_rng(1)
        truth = random.integers(0, 3, 300).astype(float)
        correct = random.random(300) < 0.6
        gained = random.random(300) < share

        def tally(correct: np.ndarray) -> np.ndarray:
            classes = np.where(correct, truth, (truth + 1) % 3).astype(int)
            return NAMED.tallies(truth, np.eye(3)[classes])[None]

        names = [str(n // 4) for n in range(300)]
        return paired(NAMED, tally(correct | gained), tally(correct), names)  # type: ignore[return-value]

    def test_a_small_but_consistent_gain_is_significant(self) -> None:
        difference = self.differences(0.1)["accuracy"]
        assert difference.value > 0.02 and difference.limits[0] > 0 and difference.p < 0.01  # type: ignore[attr-defined]

    def test_equal_predictions_do_not_differ(self) -> None:
        difference = self.differences(0.0)["accuracy"]
        assert difference.value == 0 and difference.limits == (0, 0) and difference.p == 1  # type: ignore[attr-defined]
