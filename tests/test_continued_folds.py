"""A continued head on the same corpus: each fold starts from the same fold of the first head."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from features.manifest import Label
from features.specs.heads import HeadSpec, ProtocolSpec
from features.specs.tracks import LeafSpec
from features.store.reader import Store
from tests.head_world import labels, spec, store  # noqa: F401
from train.folds.label_facts import folds_of
from train.runs.record import weights_name
from train.runs.run_fold import RunSettings
from train.runs.run_head import run_head
from train.runs.warm_start import WarmStart

FOLDS = 2


@pytest.fixture
def folded(spec: HeadSpec) -> HeadSpec:
    """The head under a protocol of two folds."""
    protocol = ProtocolSpec(LeafSpec("fold-column", {"column": "mine"}), dev_unit="dialogue")
    training = replace(spec.training, seeds=[3, 4], epochs=2)
    return replace(spec, name="first", protocol=protocol, training=training)


@pytest.fixture
def folded_labels(labels: list[Label]) -> list[Label]:
    return [
        replace(label, split=None, folds={"mine": f"f{n // 30}"}) for n, label in enumerate(labels)
    ]


def test_every_fold_and_seed_starts_from_its_own_weights(
    folded: HeadSpec, folded_labels: list[Label], store: Store, tmp_path: Path
) -> None:
    stores = {"text": store}
    run_head(folded, folded_labels, stores, tmp_path / "first")
    second = replace(folded, name="second", start="first")
    start = WarmStart(second, folded, tmp_path / "first", stores)
    all_weights = []
    for number, (_, facts) in enumerate(folds_of(second, folded_labels)):
        for seed in (3, 4):
            weights = start.weights(number, seed, facts)
            file = tmp_path / "first" / "weights" / weights_name(number, FOLDS, seed)
            saved = load_file(file)
            assert set(weights) == set(saved)
            assert all(torch.equal(weights[name], saved[name]) for name in saved)
            all_weights.append(saved["mix.1.weight"])
    # They differ, or the comparison would say nothing.
    assert len({weights.sum().item() for weights in all_weights}) == 4


def test_a_run_uses_the_weights_of_the_fold_it_trains(
    folded: HeadSpec, folded_labels: list[Label], store: Store, tmp_path: Path
) -> None:
    stores = {"text": store}
    run_head(folded, folded_labels, stores, tmp_path / "first")
    # Hardly trained any further, each fold's head stays the one it started from.
    still = replace(folded.training, epochs=1, lr=1e-9)
    second = replace(folded, name="second", start="first", training=still)
    start = WarmStart(second, folded, tmp_path / "first", stores)
    settings = RunSettings(warm_start=start)
    run_head(second, folded_labels, stores, tmp_path / "second", settings=settings)
    for number in range(FOLDS):
        name = weights_name(number, FOLDS, 3)
        before, after = (
            load_file(tmp_path / run / "weights" / name) for run in ("first", "second")
        )
        assert torch.allclose(before["mix.1.weight"], after["mix.1.weight"], atol=1e-6)


def test_from_another_corpus_all_folds_start_from_the_first(
    folded: HeadSpec, folded_labels: list[Label], store: Store, tmp_path: Path
) -> None:
    stores = {"text": store}
    run_head(folded, folded_labels, stores, tmp_path / "first")
    second = replace(folded, name="second", corpus="another", start="first")
    start = WarmStart(second, folded, tmp_path / "first", stores)
    (_, facts), *_ = folds_of(folded, folded_labels)
    first_fold = load_file(tmp_path / "first" / "weights" / weights_name(0, FOLDS, 3))
    for number in range(FOLDS):
        weights = start.weights(number, 3, facts)
        assert torch.equal(weights["mix.1.weight"], first_fold["mix.1.weight"])
