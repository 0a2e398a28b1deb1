"""A head that starts from the weights of another one: what is taken, and what is refused."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from features.errors import ProjectError
from features.manifest import Label
from features.specs.heads import HeadSpec
from features.store.reader import Store
from tests.head_world import facts_of, labels, parts_of, spec, store  # noqa: F401
from train.loop.fit import fit
from train.runs.run_fold import Setting
from train.runs.run_head import run_head
from train.runs.warm_start import Start, take_weights


@pytest.fixture
def first(spec: HeadSpec, labels: list[Label], store: Store, tmp_path: Path) -> HeadSpec:
    """A head with a run."""
    named = replace(spec, name="first")
    run_head(named, labels, {"text": store}, tmp_path / "first")
    return named


def start_of(spec: HeadSpec, first: HeadSpec, store: Store, folder: Path) -> Start:
    return Start(replace(spec, start="first"), first, folder / "first", {"text": store})


def test_a_training_begins_with_the_weights_of_its_seed(
    spec: HeadSpec, first: HeadSpec, labels: list[Label], store: Store, tmp_path: Path
) -> None:
    data = parts_of(labels, store)
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


def test_layers_that_answer_something_else_start_afresh(
    spec: HeadSpec, first: HeadSpec, labels: list[Label], store: Store, tmp_path: Path
) -> None:
    start = start_of(spec, first, store, tmp_path)
    other = {"emotion": {"classes": ["calm", "joy"], "counts": [1, 1]}}
    taken = start.weights(0, 0, other)
    assert taken and not any(name.startswith("tasks.") for name in taken)


def test_shuffled_labels_do_not_start_from_what_true_ones_taught(
    spec: HeadSpec, first: HeadSpec, labels: list[Label], store: Store, tmp_path: Path
) -> None:
    more = replace(spec, start="first", training=replace(spec.training, lr=1e-9, epochs=1))
    setting = Setting(start=start_of(spec, first, store, tmp_path))
    stores = {"text": store}
    found = run_head(more, labels, stores, tmp_path / "more", setting=setting)
    alone = replace(more, start=None)
    plain = run_head(alone, labels, stores, tmp_path / "plain")
    assert found["shuffled"] == plain["shuffled"]
    assert found["test"]["emotion"]["accuracy"]["mean"] > 0.8


def test_a_run_that_is_missing_or_of_other_settings_or_tracks_is_refused(
    spec: HeadSpec, first: HeadSpec, labels: list[Label], store: Store, tmp_path: Path
) -> None:
    more = replace(spec, start="first")
    with pytest.raises(ProjectError, match=r"run.json does not exist; run 'dvc repro train@first'"):
        Start(more, first, tmp_path / "nowhere", {"text": store})
    with pytest.raises(ProjectError, match="continued.test: the head 'first' was trained with"):
        Start(more, replace(first, dim=99), tmp_path / "first", {"text": store})
    record: dict[str, Any] = json.loads((tmp_path / "first" / "run.json").read_text())
    record["stores"]["text"]["recipe"] = "another"
    (tmp_path / "first" / "run.json").write_text(json.dumps(record))
    with pytest.raises(ProjectError, match="was trained on tracks of other backbones"):
        Start(more, first, tmp_path / "first", {"text": store})


def test_a_head_that_is_made_otherwise_is_named() -> None:
    spec = replace(_any_spec(), start="first")
    own = {"mix.1.weight": torch.zeros(2, 2), "tasks.emotion.output.weight": torch.zeros(3, 2)}
    same = {"mix.1.weight": torch.ones(2, 2), "tasks.emotion.output.weight": torch.ones(4, 2)}
    taken = take_weights(own, same, spec)
    assert taken["mix.1.weight"].sum() == 4 and taken["tasks.emotion.output.weight"].sum() == 0
    with pytest.raises(ProjectError, match=r"starts from 'first', .* 'mix.1.weight' differs \(1"):
        take_weights(own, {"mix.1.weight": torch.ones(3, 2)}, spec)


def _any_spec() -> HeadSpec:
    from tests.head_world import head_spec

    return head_spec()
