"""A head that starts from the weights of another: what is copied, and what is refused."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from features.errors import ProjectError
from features.manifest import Label
from features.runs.sealed import write_sealed
from features.specs.heads import HeadSpec
from features.store.reader import Store
from tests.head_world import facts_of, labels, spec, splits_of, store  # noqa: F401
from train.loop.fit import fit
from train.model.taking import take_weights
from train.runs.run_fold import RunSettings
from train.runs.run_head import run_head
from train.runs.warm_start import WarmStart


@pytest.fixture
def first(spec: HeadSpec, labels: list[Label], store: Store, tmp_path: Path) -> HeadSpec:
    """A head with a run."""
    named = replace(spec, name="first")
    run_head(named, labels, {"text": store}, tmp_path / "first")
    return named


def start_of(spec: HeadSpec, first: HeadSpec, store: Store, folder: Path) -> WarmStart:
    return WarmStart(replace(spec, start="first"), first, folder / "first", {"text": store})


def test_a_training_starts_from_the_weights_of_its_seed(
    spec: HeadSpec, first: HeadSpec, labels: list[Label], store: Store, tmp_path: Path
) -> None:
    data = splits_of(labels, store)
    facts = facts_of(data["train"])
    start = start_of(spec, first, store, tmp_path)
    weights = start.weights(0, 1, facts)
    slow = replace(spec, start="first", training=replace(spec.training, lr=1e-9, epochs=1))
    fitted = fit(slow, facts, data["train"], data["dev"], 1, start=weights)
    for name, value in fitted.state().items():
        assert torch.allclose(value, weights[name], atol=1e-6), name
    assert not torch.equal(weights["mix.1.weight"], start.weights(0, 0, facts)["mix.1.weight"])
    assert torch.equal(
        start.weights(0, 7, facts)["mix.1.weight"], start.weights(0, 0, facts)["mix.1.weight"]
    )


def test_output_layers_of_other_classes_are_not_copied(
    spec: HeadSpec, first: HeadSpec, labels: list[Label], store: Store, tmp_path: Path
) -> None:
    start = start_of(spec, first, store, tmp_path)
    facts = {"emotion": {"classes": ["calm", "joy"], "counts": [1, 1]}}
    weights = start.weights(0, 0, facts)
    assert weights and not any(name.startswith("tasks.") for name in weights)


def test_the_shuffled_label_control_does_not_start_from_trained_weights(
    spec: HeadSpec, first: HeadSpec, labels: list[Label], store: Store, tmp_path: Path
) -> None:
    continued = replace(spec, start="first", training=replace(spec.training, lr=1e-9, epochs=1))
    settings = RunSettings(warm_start=start_of(spec, first, store, tmp_path))
    stores = {"text": store}
    metrics = run_head(continued, labels, stores, tmp_path / "continued", settings=settings)
    alone = replace(continued, start=None)
    plain = run_head(alone, labels, stores, tmp_path / "plain")
    assert metrics["shuffled"] == plain["shuffled"]
    assert metrics["test"]["emotion"]["accuracy"]["mean"] > 0.8


def test_a_missing_run_or_one_of_other_settings_or_tracks_is_refused(
    spec: HeadSpec, first: HeadSpec, labels: list[Label], store: Store, tmp_path: Path
) -> None:
    continued = replace(spec, start="first")
    with pytest.raises(
        ProjectError, match=r"nowhere: not trained yet; run 'dvc repro train@first'"
    ):
        WarmStart(continued, first, tmp_path / "nowhere", {"text": store})
    with pytest.raises(ProjectError, match=r"first: stale: trained with other settings \(dim\)"):
        WarmStart(continued, replace(first, dim=99), tmp_path / "first", {"text": store})
    record: dict[str, Any] = json.loads((tmp_path / "first" / "run.json").read_text())
    record["stores"]["text"]["recipe"] = "another"
    del record["seal"]
    write_sealed(tmp_path / "first", "run.json", record, {})
    with pytest.raises(ProjectError, match="was trained on tracks of other backbones"):
        WarmStart(continued, first, tmp_path / "first", {"text": store})


def test_weights_of_another_shape_are_refused_by_name() -> None:
    spec = replace(_any_spec(), start="first")
    own = {"mix.1.weight": torch.zeros(2, 2), "tasks.emotion.output.weight": torch.zeros(3, 2)}
    first = {"mix.1.weight": torch.ones(2, 2), "tasks.emotion.output.weight": torch.ones(4, 2)}
    taken = take_weights(own, first, spec)
    assert taken["mix.1.weight"].sum() == 4 and taken["tasks.emotion.output.weight"].sum() == 0
    with pytest.raises(ProjectError, match=r"starts from 'first', .* 'mix.1.weight' differs \(1"):
        take_weights(own, {"mix.1.weight": torch.ones(3, 2)}, spec)


def _any_spec() -> HeadSpec:
    from tests.head_world import head_spec

    return head_spec()
