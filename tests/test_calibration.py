"""Calibration: worked out by hand, and a temperature that changes no class."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from train.scoring.calibration import calibration_error, fitted_temperature, reliability, tempered


def test_the_error_equals_one_worked_out_by_hand() -> None:
    # Two predictions at 0.9, one right: |0.9 - 0.5|; two at 0.6, both right: |0.6 - 1|.
    probabilities = np.array([[0.9, 0.1], [0.9, 0.1], [0.4, 0.6], [0.4, 0.6]])
    truth = np.array([0.0, 1.0, 1.0, 1.0])
    assert calibration_error(truth, probabilities) == pytest.approx(0.5 * 0.4 + 0.5 * 0.4)
    first, second = reliability(truth, probabilities)
    assert first == pytest.approx({"count": 2, "confidence": 0.6, "accuracy": 1.0})
    assert second == pytest.approx({"count": 2, "confidence": 0.9, "accuracy": 0.5})


def test_certainty_falls_into_the_last_bin() -> None:
    (only,) = reliability(np.array([0.0]), np.array([[1.0, 0.0]]))
    assert only == {"count": 1, "confidence": 1.0, "accuracy": 1.0}


@given(
    st.lists(st.floats(0.0, 1.0), min_size=2, max_size=8),
    st.floats(0.05, 20.0),
)
def test_a_temperature_never_changes_the_class(raw: list[float], temperature: float) -> None:
    probabilities = (np.array([raw]) + 1e-6) / (np.sum(raw) + len(raw) * 1e-6)
    cooled = tempered(probabilities, temperature)
    best = probabilities.argmax()
    assert cooled.sum() == pytest.approx(1)
    assert cooled[0, best] == cooled.max()


def test_overconfident_probabilities_are_cooled_and_honest_ones_left_alone() -> None:
    random = np.random.default_rng(0)
    honest = random.dirichlet(np.ones(4), 4000)
    truth = np.array([random.choice(4, p=row) for row in honest], float)
    assert fitted_temperature(truth, honest) == pytest.approx(1, abs=0.06)
    loud = tempered(honest, 0.4)
    found = fitted_temperature(truth, loud)
    assert found == pytest.approx(2.5, rel=0.08)
    assert calibration_error(truth, tempered(loud, found)) < 0.3 * calibration_error(truth, loud)
