"""Intervals and comparisons: they cover as stated, and draw what is not independent together."""

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
def test_single_utterances_drawn_again_would_cover_too_little() -> None:
    assert coverage(NAMED, "accuracy", 40, 300, clustered=False) < 0.9


def test_dialogues_go_before_speakers_and_speakers_before_utterances() -> None:
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


def test_intervals_are_the_same_again_and_hold_the_figure() -> None:
    random = np.random.default_rng(0)
    truth = random.integers(0, 3, 90).astype(float)
    tally = NAMED.tallies(truth, random.dirichlet(np.ones(3), (4, 90)))
    names = [str(n // 3) for n in range(90)]
    found = intervals(NAMED, tally, names)
    assert found == intervals(NAMED, tally, names)
    low, high = found["accuracy"]
    assert low is not None and high is not None and low < 1 / 3 < high


class TestPaired:
    def test_few_clusters_cannot_be_significant(self) -> None:
        truth = np.zeros(40)
        better, worse = (np.eye(3)[np.repeat([0, n], 20)] for n in (0, 1))
        tally = [NAMED.tallies(truth, one)[None] for one in (better, worse)]
        names = [str(n % 5) for n in range(40)]
        found = paired(NAMED, *tally, names)["accuracy"]
        assert found.value == 0.5 and found.p == pytest.approx(2 / 32, abs=0.02)
        alone = paired(NAMED, *tally, ["all"] * 40)["accuracy"]
        assert alone.limits == (None, None) and alone.p is None

    @pytest.mark.slow
    def test_chance_is_taken_for_a_difference_as_often_as_stated(self) -> None:
        random = np.random.default_rng(0)
        low = 0
        for _ in range(200):
            truth = random.integers(0, 3, 60).astype(float)
            tally = [NAMED.tallies(truth, random.dirichlet(np.ones(3), (2, 60))) for _ in "ab"]
            found = paired(NAMED, *tally, [str(n // 4) for n in range(60)])
            low += found["accuracy"].p < 0.05  # type: ignore[operator]
        assert low / 200 < 0.09

    def both(self, share: float) -> dict[str, object]:
        """One head is right where the other is, and on some utterances more."""
        random = np.random.default_rng(1)
        truth = random.integers(0, 3, 300).astype(float)
        right = random.random(300) < 0.6
        more = random.random(300) < share

        def told(right: np.ndarray) -> np.ndarray:
            guess = np.where(right, truth, (truth + 1) % 3).astype(int)
            return NAMED.tallies(truth, np.eye(3)[guess])[None]

        names = [str(n // 4) for n in range(300)]
        return paired(NAMED, told(right | more), told(right), names)  # type: ignore[return-value]

    def test_a_small_but_steady_gain_is_told_from_chance(self) -> None:
        found = self.both(0.1)["accuracy"]
        assert found.value > 0.02 and found.limits[0] > 0 and found.p < 0.01  # type: ignore[attr-defined]

    def test_no_difference_is_no_difference(self) -> None:
        found = self.both(0.0)["accuracy"]
        assert found.value == 0 and found.limits == (0, 0) and found.p == 1  # type: ignore[attr-defined]
