"""A training that was interrupted goes on to the numbers it would have had."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from features.manifest import Label
from features.specs.heads import HeadSpec
from features.specs.training import AugmentSpec, CurriculumSpec, RaiseDropoutSpec
from features.store.reader import Store
from tests.head_world import facts_of, labels, parts_of, spec, store  # noqa: F401
from train.loop.checkpoint import Checkpoint, Checkpoints, run_key
from train.loop.fit import Fitted, fit
from train.loop.loop import Loop
from train.runs.run_head import run_head

# Everything that carries something over from epoch to epoch.
SETTINGS: list[dict[str, Any]] = [
    {},
    {"optimiser": "sgd", "schedule": "plateau", "accumulate": 3},
    {"schedule": "cosine", "warmup_epochs": 1.5, "average": 0.9, "mixup": 0.4},
    {
        "schedule": "constant",
        "difficulty": "first-model",
        "curriculum": CurriculumSpec(epochs=4),
        "scale_loss": 1.0,
        "raise_dropout": RaiseDropoutSpec(to=0.5, after=2),
        "augment": {"text": AugmentSpec(noise=0.2, step_dropout=0.2, spans=1, bands=1)},
    },
]


class Interrupted(Exception):
    """What stops a training in a test."""


def count_epochs(monkeypatch: pytest.MonkeyPatch, stop_at: int) -> list[int]:
    """Notes every epoch that is run, and interrupts before one of them is."""
    done: list[int] = []
    run_epoch = Loop.run_epoch

    def counted(loop: Loop) -> None:
        done.append(len(loop.epochs))
        if len(done) == stop_at:
            raise Interrupted
        run_epoch(loop)

    monkeypatch.setattr("train.loop.loop.Loop.run_epoch", counted)
    return done


@pytest.mark.parametrize("settings", SETTINGS, ids=lambda s: "-".join(s) or "default")
def test_an_interrupted_training_ends_as_one_that_was_not(
    spec: HeadSpec,
    labels: list[Label],
    store: Store,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    settings: dict[str, Any],
) -> None:
    monkeypatch.setattr("train.loop.checkpoint.EVERY_S", 0.0)
    spec = replace(spec, training=replace(spec.training, **settings))
    data = parts_of(labels, store)

    def train(where: Checkpoint | None, on_epoch: Callable[[Any], None]) -> Fitted:
        facts = facts_of(data["train"])
        return fit(spec, facts, data["train"], data["dev"], 3, on_epoch, where)

    whole = train(None, lambda _: None)
    path = tmp_path / "one.pt"

    def stop(epoch: dict[str, float | int]) -> None:
        if epoch["epoch"] == 3:
            raise Interrupted

    with pytest.raises(Interrupted):
        train(Checkpoint(path), stop)
    torch.manual_seed(99)
    shown: list[Any] = []
    resumed = train(Checkpoint(path), shown.append)
    assert Checkpoint(path).read() is not None
    assert resumed.epochs == whole.epochs == shown
    assert resumed.best_epoch == whole.best_epoch
    for name, value in whole.state().items():
        assert torch.equal(value, resumed.state()[name]), name
    again = train(Checkpoint(path), lambda _: None)
    assert again.epochs == whole.epochs


def test_an_interrupted_run_leaves_the_same_bytes(
    spec: HeadSpec,
    labels: list[Label],
    store: Store,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("train.loop.checkpoint.EVERY_S", 0.0)
    stores, work = {"text": store}, tmp_path / "work"
    run_head(spec, labels, stores, tmp_path / "whole")
    done = count_epochs(monkeypatch, stop_at=9)
    with pytest.raises(Interrupted):
        run_head(spec, labels, stores, tmp_path / "resumed", work)
    assert list(work.rglob("*.pt")) and not (tmp_path / "resumed").exists()
    assert len(done) == 9
    run_head(spec, labels, stores, tmp_path / "resumed", work)
    assert len(done) == 3 * spec.training.epochs + 1 and not work.exists()
    for file in (tmp_path / "whole").rglob("*.*"):
        other = tmp_path / "resumed" / file.relative_to(tmp_path / "whole")
        assert file.read_bytes() == other.read_bytes(), file.name


def test_trainings_of_other_settings_labels_or_tracks_are_thrown_away(
    spec: HeadSpec, labels: list[Label], store: Store, tmp_path: Path
) -> None:
    keys = {
        run_key([{"lr": 1}, "start"], labels, {"text": store}),
        run_key([{"lr": 2}, "start"], labels, {"text": store}),
        run_key([{"lr": 1}, "another"], labels, {"text": store}),
        run_key([{"lr": 1}, "start"], labels[1:], {"text": store}),
        run_key([{"lr": 1}, "start"], labels, {}),
    }
    assert len(keys) == 5
    Checkpoints(tmp_path / "work", "old").of("fold-1-seed-0").write({"epochs": []})
    assert Checkpoints(tmp_path / "work", "old").of("fold-1-seed-0").read() == {"epochs": []}
    assert Checkpoints(tmp_path / "work", "new").of("fold-1-seed-0").read() is None
    assert not (tmp_path / "work" / "old").exists()
