"""Calibration, worked out by hand, and temperatures that change no predicted class."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from features.manifest import Label
from train.scoring.calibration import calibration_error, fitted_temperature, reliability, tempered
from train.scoring.class_measure import ClassMeasure
from train.scoring.ensemble import fitted_calibration
from train.scoring.predictions import RunPredictions


def test_the_calibration_error_equals_one_worked_out_by_hand() -> None:
    # Two predictions at 0.9, one right: |0.9 - 0.5|; two at 0.6, both right: |0.6 - 1|.
    probabilities = np.array([[0.9, 0.1], [0.9, 0.1], [0.4, 0.6], [0.4, 0.6]])
    truth = np.array([0.0, 1.0, 1.0, 1.0])
    assert calibration_error(truth, probabilities) == pytest.approx(0.5 * 0.4 + 0.5 * 0.4)
    first, second = reliability(truth, probabilities)
    assert first == pytest.approx({"count": 2, "confidence": 0.6, "accuracy": 1.0})
    assert second == pytest.approx({"count": 2, "confidence": 0.9, "accuracy": 0.5})


def test_a_confidence_of_one_falls_into_the_last_bin() -> None:
    (last,) = reliability(np.array([0.0]), np.array([[1.0, 0.0]]))
    assert last == {"count": 1, "confidence": 1.0, "accuracy": 1.0}


@given(
    st.lists(st.floats(0.0, 1.0), min_size=2, max_size=8),
    st.floats(0.05, 20.0),
)
def test_a_temperature_never_changes_the_predicted_class(
    weights: list[float], temperature: float
) -> None:
    probabilities = (np.array([weights]) + 1e-6) / (np.sum(weights) + len(weights) * 1e-6)
    scaled = tempered(probabilities, temperature)
    best = probabilities.argmax()
    assert scaled.sum() == pytest.approx(1)
    assert scaled[0, best] == scaled.max()


def test_the_fitted_temperature_corrects_overconfidence_and_is_one_without_it() -> None:
    random = np.random.default_rng(0)
    calibrated = random.dirichlet(np.ones(4), 4000)
    truth = np.array([random.choice(4, p=row) for row in calibrated], float)
    assert fitted_temperature(truth, calibrated) == pytest.approx(1, abs=0.06)
    overconfident = tempered(calibrated, 0.4)
    temperature = fitted_temperature(truth, overconfident)
    assert temperature == pytest.approx(2.5, rel=0.08)
    corrected = calibration_error(truth, tempered(overconfident, temperature))
    assert corrected < 0.3 * calibration_error(truth, overconfident)


def test_temperatures_are_those_of_the_dev_set_of_each_fold() -> None:
    random = np.random.default_rng(1)
    measure = ClassMeasure("emotion", ("a", "b", "c"))

    def fold(sharpness: float) -> tuple[list[Label], list[dict[str, np.ndarray]]]:
        matching = random.dirichlet(np.ones(3), 600)
        classes = [random.choice(3, p=row) for row in matching]
        labels = [Label(str(n), emotion="abc"[number]) for n, number in enumerate(classes)]
        return labels, [{"emotion": tempered(matching, sharpness)}]

    # Overconfident on the dev set of the first fold, underconfident on that of the second.
    dev = RunPredictions.of({"f1": fold(0.5), "f2": fold(2.0)})
    temperatures = fitted_calibration([measure], dev)["emotion"]["temperatures"]
    assert temperatures["f1"] == [pytest.approx(2.0, rel=0.2)]
    assert temperatures["f2"] == [pytest.approx(0.5, rel=0.2)]
    for name in ("f1", "f2"):
        of_dev = dev.fold(name)
        truth = measure.truth(of_dev.labels)
        assert temperatures[name] == [fitted_temperature(truth, of_dev.predicted["emotion"][0])]
