"""Epochs are logged to TensorBoard and Weights & Biases."""

from pathlib import Path

import pytest

from features.specs.tracking import TrackingSpec
from train.loop.tracking import Trackers

EPOCHS = [
    {"seed": 0, "epoch": n, "train_loss": 1.0 / n, "dev_emotion_macro_f1": 0.1 * n} for n in (1, 2)
]


def log(spec: TrackingSpec, folder: Path) -> None:
    trackers = Trackers(spec, folder, "main", {"dim": 8})
    with trackers.training("official/seed-0") as write:
        for epoch in EPOCHS:
            write(epoch)


def scalars(folder: Path) -> dict[str, list[tuple[int, float]]]:
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    events = EventAccumulator(str(folder))
    events.Reload()
    return {
        name: [(e.step, round(e.value, 4)) for e in events.Scalars(name)]
        for name in events.Tags()["scalars"]
    }


def test_tensorboard_has_every_figure_of_every_epoch(tmp_path: Path) -> None:
    log(TrackingSpec(), tmp_path)
    log(TrackingSpec(), tmp_path)  # a repeated run replaces the old one
    figures = scalars(tmp_path / ".tensorboard" / "main" / "official" / "seed-0")
    assert figures == {
        "train_loss": [(1, 1.0), (2, 0.5)],
        "dev_emotion_macro_f1": [(1, 0.1), (2, 0.2)],
    }
    assert [path.name for path in tmp_path.iterdir()] == [".tensorboard"]


def test_nothing_is_written_where_both_are_off(tmp_path: Path) -> None:
    log(TrackingSpec(tensorboard=False), tmp_path)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
def test_weights_and_biases_is_written_offline(tmp_path: Path) -> None:
    import wandb

    log(TrackingSpec(tensorboard=False, wandb="offline"), tmp_path)
    wandb.teardown()  # waits for the process that writes the file
    (run,) = (tmp_path / ".wandb" / "wandb").glob("offline-run-*")
    (file,) = run.glob("*.wandb")
    content = file.read_bytes()
    assert b"train_loss" in content and b"main/official/seed-0" in content and b"dim" in content
