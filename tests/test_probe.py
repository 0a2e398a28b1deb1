"""The linear probe: which strength it keeps, and features that say nothing."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch

from features.manifest import Label
from features.specs.heads import ProbeSpec, ProtocolSpec
from features.specs.tracks import LeafSpec
from train.data.dataset import Dataset, SplitData
from train.data.dialogues import Places
from train.data.masking import Padded
from train.data.tracks import Tracks
from train.probes.models import Model, fitted_model, with_probabilities
from train.probes.pooled import PERCENTILES, masked_percentiles
from train.probes.probe import fit_probe, restored_probe
from train.scoring.class_measure import ClassMeasure

FACTS: dict[str, dict[str, Any]] = {"emotion": {"classes": ["anger", "joy"], "counts": [20, 20]}}
STRENGTHS = [1e-6, 10.0]


def probe_spec(strengths: list[float]) -> ProbeSpec:
    return ProbeSpec(
        name="probe",
        corpus="c",
        inputs={"text": "x", "audio": "none", "video": "none"},
        tasks={"emotion": LeafSpec("emotion", {})},
        protocol=ProtocolSpec(LeafSpec("official", {})),
        strengths=strengths,
    )


def split_data(values: np.ndarray, classes: list[str]) -> SplitData:
    """One step per utterance, whose features are the rows of `values`."""
    labels = [Label(f"u{n}", emotion=name) for n, name in enumerate(classes)]
    steps = torch.from_numpy(values).float()[:, None]
    tracks = Tracks(steps, torch.ones(len(labels), dtype=torch.int64))
    dataset = Dataset(tuple(label.id for label in labels), {"text": tracks}, Places.of(labels))
    return SplitData(dataset, labels)


def made(seed: int, num_features: int = 2, noise: float = 0.5) -> SplitData:
    """Classes that the first feature tells apart."""
    random = np.random.default_rng(seed)
    classes = ["anger", "joy"] * 20
    values = random.normal(0, noise, (40, num_features))
    values[:, 0] += [-1 if name == "anger" else 1 for name in classes]
    return split_data(values, classes)


def test_the_strength_that_is_best_on_dev_is_the_one_that_predicts() -> None:
    train, dev = made(0), made(1)
    both = fit_probe(probe_spec(STRENGTHS), FACTS, train, dev, 0)
    figures = [epoch["dev_emotion_macro_f1"] for epoch in both.epochs]
    best = STRENGTHS[int(np.argmax(figures))]
    assert both.selected == best
    # The weights are those of the selected strength, whichever stands last in the list.
    for order in (STRENGTHS, STRENGTHS[::-1]):
        several = fit_probe(probe_spec(order), FACTS, train, dev, 0)
        alone = fit_probe(probe_spec([several.selected]), FACTS, train, dev, 0)
        for name, values in alone.state().items():
            assert torch.equal(several.state()[name], values), name


def test_dev_selects_and_not_the_order_of_the_strengths() -> None:
    # Trained on noise in many features, a strong probe fits the noise, and a weak one does not.
    random = np.random.default_rng(5)
    train, dev = made(2, num_features=200, noise=3.0), made(3, num_features=200, noise=3.0)
    flipped = replace(dev, labels=[random.permutation(dev.labels).tolist()[0], *dev.labels[1:]])
    selected = {
        fit_probe(probe_spec(order), FACTS, train, flipped, 0).selected
        for order in (STRENGTHS, STRENGTHS[::-1])
    }
    assert len(selected) == 1


@pytest.mark.parametrize("constant", [0.0, 7.5, -1e4])
def test_a_constant_feature_changes_nothing_and_stays_finite(constant: float) -> None:
    train, dev = made(0), made(1)
    with_constant = [
        split_data(
            np.hstack([data.dataset.tracks["text"].gather(torch.arange(40)).values[:, 0, 0].numpy(),
                       np.full((40, 1), constant)]),
            [str(label.emotion) for label in data.labels],
        )
        for data in (train, dev)
    ]  # fmt: skip
    fitted = fit_probe(probe_spec([1.0]), FACTS, *with_constant, 0)
    predicted = fitted.predict(with_constant[1].dataset)["emotion"]
    plain = fit_probe(probe_spec([1.0]), FACTS, train, dev, 0).predict(dev.dataset)["emotion"]
    assert np.isfinite(predicted).all() and np.allclose(predicted, plain, atol=1e-4)
    # A value that training never had must not become infinite either.
    other = split_data(np.full((1, 3), constant + 1), ["joy"])
    assert np.isfinite(fitted.predict(other.dataset)["emotion"]).all()
    assert all(value.isfinite().all() for value in fitted.state().values())


def test_a_restored_probe_predicts_the_same() -> None:
    train, dev = made(0), made(1)
    fitted = fit_probe(probe_spec([1.0]), FACTS, train, dev, 0)
    restored = restored_probe(probe_spec([1.0]), FACTS, fitted.state())
    assert np.array_equal(
        restored.predict(dev.dataset)["emotion"], fitted.predict(dev.dataset)["emotion"]
    )


def three_classes(seed: int, count: int = 90) -> SplitData:
    """Classes on a ring around the origin: the last is inside, which no plane separates."""
    random = np.random.default_rng(seed)
    names = ["anger", "joy", "sadness"] * (count // 3)
    angles = random.uniform(0, 2 * np.pi, count)
    radius = np.array([{"anger": 3.0, "joy": 3.0, "sadness": 0.3}[name] for name in names])
    angles = np.where([name == "anger" for name in names], angles / 2, np.pi + angles / 2)
    values = np.stack([radius * np.cos(angles), radius * np.sin(angles)], axis=1)
    return split_data(values + random.normal(0, 0.2, values.shape), names)


THREE: dict[str, dict[str, Any]] = {
    "emotion": {"classes": ["anger", "joy", "sadness"], "counts": [30, 30, 30]}
}


@pytest.mark.parametrize("model", ["logistic", "ridge", "svm", "rbf-svm"])
def test_every_model_gives_probabilities_and_is_restored(model: str) -> None:
    train, dev, test = (three_classes(seed) for seed in range(3))
    spec = replace(probe_spec([1.0]), model=model)  # type: ignore[arg-type]
    fitted = fit_probe(spec, THREE, train, dev, 0)
    predicted = fitted.predict(test.dataset)["emotion"]
    assert np.allclose(predicted.sum(axis=1), 1) and (predicted >= 0).all()
    truth = np.array([THREE["emotion"]["classes"].index(x.emotion) for x in test.labels])
    right = (predicted.argmax(axis=1) == truth).mean()
    assert right > (0.95 if model == "rbf-svm" else 0.6), right
    restored = restored_probe(spec, THREE, fitted.state())
    assert np.array_equal(restored.predict(test.dataset)["emotion"], predicted)


@pytest.mark.parametrize("model", ["ridge", "svm", "rbf-svm"])
def test_a_kept_model_decides_as_scikit_learn_s_own_does(model: str) -> None:
    from sklearn.linear_model import RidgeClassifier
    from sklearn.svm import SVC, LinearSVC

    train = three_classes(0)
    track = train.dataset.tracks["text"].gather(torch.arange(90))
    features = track.values[:, 0, 0].double().numpy()
    features = (features - features.mean(axis=0)) / features.std(axis=0)
    truth = np.array([THREE["emotion"]["classes"].index(x.emotion) for x in train.labels], float)
    measure = ClassMeasure("emotion", ("anger", "joy", "sadness"))
    spec = replace(probe_spec([1.0]), model=model)  # type: ignore[arg-type]
    own = fitted_model(measure, spec, 0.5, features, truth).scores(features)
    if model == "rbf-svm":
        one = [SVC(C=0.5).fit(features, truth == n).decision_function(features) for n in range(3)]
        expected = np.stack(one, axis=1)
    else:
        theirs = (
            RidgeClassifier(alpha=2.0) if model == "ridge" else LinearSVC(C=0.5, random_state=0)
        )
        expected = theirs.fit(features, truth).decision_function(features)
    assert np.allclose(own, expected, atol=1e-6)


def test_platt_s_sigmoid_is_that_of_its_smoothed_targets() -> None:
    # Scores 1 and -1, of 30 and 10 utterances; 24 and 2 of them belong to the class.
    scores = np.array([1.0] * 30 + [-1.0] * 10)[:, None]
    truth = np.array([1.0] * 24 + [0.0] * 6 + [1.0] * 2 + [0.0] * 8)
    model = Model(np.array([[-1.0], [1.0]]), np.zeros(2))
    slopes, offsets = with_probabilities(model, scores, truth).sigmoids.T  # type: ignore[union-attr]
    high, low = (1 / (1 + np.exp(-(slopes[1] * x + offsets[1]))) for x in (1.0, -1.0))
    yes, no = 27 / 28, 1 / 16
    assert high == pytest.approx((24 * yes + 6 * no) / 30, abs=1e-3)
    assert low == pytest.approx((2 * yes + 8 * no) / 10, abs=1e-3)


@pytest.mark.parametrize("model", ["logistic", "ridge", "svm", "rbf-svm"])
def test_numbers_are_predicted_in_their_own_units(model: str) -> None:
    random = np.random.default_rng(0)
    values = random.normal(size=(80, 2))
    labels = [Label(f"u{n}", valence=float(50 + 7 * x)) for n, x in enumerate(values[:, 0])]
    data = replace(split_data(values, ["joy"] * 80), labels=labels)
    facts = {"vad": {"valence": {"mean": 50.0, "std": 7.0}}}
    spec = replace(
        probe_spec([1.0]), model=model, tasks={"vad": LeafSpec("vad", {})}, choose_by="ccc"
    )  # type: ignore[arg-type]
    fitted = fit_probe(spec, facts, data, data, 0)
    predicted = fitted.predict(data.dataset)["valence"]
    truth = np.array([label.valence for label in labels])
    assert np.corrcoef(predicted, truth)[0, 1] > 0.95
    assert abs(predicted.mean() - truth.mean()) < 3
    restored = restored_probe(spec, facts, fitted.state())
    assert np.array_equal(restored.predict(data.dataset)["valence"], predicted)


def test_percentiles_are_numpy_s_whatever_the_padding() -> None:
    random = np.random.default_rng(0)
    lengths = [1, 4, 9]
    values = torch.from_numpy(random.normal(size=(3, 9, 2)))
    mask = torch.arange(9) < torch.tensor(lengths)[:, None]
    percentiles = masked_percentiles(Padded(values.masked_fill(~mask[..., None], torch.nan), mask))
    for row, length in enumerate(lengths):
        expected = np.percentile(values[row, :length].numpy(), PERCENTILES, axis=0).ravel()
        assert percentiles[row].numpy() == pytest.approx(expected)


def test_votes_are_predicted_by_the_probabilities_of_their_class() -> None:
    train = made(0)
    voted = [replace(x, emotion_votes={str(x.emotion): 3.0}) for x in train.labels]
    data = replace(train, labels=voted)
    facts = {"emotion": {**FACTS["emotion"], "votes": True}}
    fitted = fit_probe(probe_spec([1.0]), facts, data, data, 0)
    predicted = fitted.predict(data.dataset)
    assert np.array_equal(predicted["emotion"], predicted["emotion_votes"])


def test_balanced_class_weights_survive_the_sigmoids() -> None:
    def unequal(seed: int) -> SplitData:
        random = np.random.default_rng(seed)
        names = ["anger"] * 90 + ["joy"] * 10
        values = random.normal(size=(100, 2))
        values[90:, 0] += 1.5
        return split_data(values, names)

    train, dev, test = (unequal(seed) for seed in range(3))
    recalls = {}
    for weights in ("none", "balanced"):
        spec = replace(probe_spec([0.1]), model="svm", class_weights=weights)  # type: ignore[arg-type]
        fitted = fit_probe(spec, FACTS, train, dev, 0)
        recalls[weights] = (fitted.predict(test.dataset)["emotion"].argmax(axis=1)[90:] == 1).mean()
    assert recalls["balanced"] >= recalls["none"] + 0.3
