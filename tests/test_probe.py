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
from train.data.tracks import Tracks
from train.probes.probe import fit_probe, restored_probe

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
