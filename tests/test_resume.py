"""An interrupted training resumes and ends with the same numbers."""

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
from tests.head_world import facts_of, labels, spec, splits_of, store  # noqa: F401
from train.loop.checkpoint import Checkpoint, Checkpoints, run_key
from train.loop.fit import Fitted, fit
from train.loop.training_loop import TrainingLoop
from train.runs.run_head import run_head

# Settings whose state carries over from epoch to epoch.
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
    """Stops a training."""


def count_epochs(monkeypatch: pytest.MonkeyPatch, stop_at: int) -> list[int]:
    """Record every epoch that begins, and interrupt the one numbered `stop_at`."""
    epochs: list[int] = []
    run_epoch = TrainingLoop.run_epoch

    def counted(loop: TrainingLoop) -> None:
        epochs.append(len(loop.epochs))
        if len(epochs) == stop_at:
            raise Interrupted
        run_epoch(loop)

    monkeypatch.setattr("train.loop.training_loop.TrainingLoop.run_epoch", counted)
    return epochs


@pytest.mark.parametrize("settings", SETTINGS, ids=lambda s: "-".join(s) or "default")
def test_an_interrupted_training_ends_as_an_uninterrupted_one(
    spec: HeadSpec,
    labels: list[Label],
    store: Store,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    settings: dict[str, Any],
) -> None:
    monkeypatch.setattr("train.loop.checkpoint.EVERY_S", 0.0)
    spec = replace(spec, training=replace(spec.training, **settings))
    data = splits_of(labels, store)

    def train(checkpoint: Checkpoint | None, on_epoch: Callable[[Any], None]) -> Fitted:
        facts = facts_of(data["train"])
        return fit(spec, facts, data["train"], data["dev"], 3, on_epoch, checkpoint)

    whole = train(None, lambda _: None)
    path = tmp_path / "checkpoint.pt"

    def stop(epoch: dict[str, float | int]) -> None:
        if epoch["epoch"] == 3:
            raise Interrupted

    with pytest.raises(Interrupted):
        train(Checkpoint(path), stop)
    torch.manual_seed(99)
    logged: list[Any] = []
    resumed = train(Checkpoint(path), logged.append)
    assert Checkpoint(path).read() is not None
    assert resumed.epochs == whole.epochs == logged
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
    epochs = count_epochs(monkeypatch, stop_at=9)
    with pytest.raises(Interrupted):
        run_head(spec, labels, stores, tmp_path / "resumed", work)
    assert list(work.rglob("*.pt")) and not (tmp_path / "resumed").exists()
    assert len(epochs) == 9
    run_head(spec, labels, stores, tmp_path / "resumed", work)
    assert len(epochs) == 3 * spec.training.epochs + 1 and not work.exists()
    for file in (tmp_path / "whole").rglob("*.*"):
        resumed = tmp_path / "resumed" / file.relative_to(tmp_path / "whole")
        assert file.read_bytes() == resumed.read_bytes(), file.name


def test_checkpoints_of_other_settings_labels_or_tracks_are_deleted(
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
