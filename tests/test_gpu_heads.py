"""Heads on a fake GPU: no tensor is left on another device, and nothing waits for the GPU."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any
from unittest.mock import patch

import pytest
import torch

from features.leaves import leaf_names, leaf_parameters
from features.manifest import Label
from features.specs.heads import HeadSpec
from features.specs.tracks import LeafSpec
from features.specs.training import AugmentSpec
from features.store.reader import Store
from tests.dialogue_world import dialogue_head, dialogue_labels, dialogue_store
from tests.pretended_gpu import DEVICES, NeverWaits, fake_gpu, move, unread_recurrence
from tests.test_heads import CASES, build, tracks
from train.data.corruptions import corrupted_datasets
from train.data.dataset import SplitData, load_dataset
from train.data.masking import Padded
from train.folds.label_facts import label_facts
from train.folds.split import Splits
from train.loop.optimiser import Average
from train.loop.predict import outputs_of
from train.loop.training_loop import TrainingLoop
from train.model.head import Head
from train.model.recurrent import Recurrent

pytestmark = pytest.mark.slow

TASKS, OBJECTIVES = leaf_names("train/tasks"), leaf_names("train/objectives")
DIALOGUES = leaf_names("train/dialogues")
EVERYTHING = AugmentSpec(noise=0.1, step_dropout=0.3, spans=1, bands=1, missing=0.2)
ROWS = torch.arange(12)


@pytest.fixture(params=DEVICES, ids=str)
def device(request: pytest.FixtureRequest) -> Iterator[torch.device]:
    def placed(module: torch.nn.Module, device: torch.device) -> torch.nn.Module:
        move(module, device)
        return module

    with fake_gpu(), unread_recurrence(), patch.object(torch.nn.Module, "to", placed):
        yield request.param


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> tuple[list[Label], Store]:
    """Dialogues whose utterances have every kind of label, though some lack a few."""
    labels = [
        replace(
            label,
            sentiment=("negative", "positive")[n % 2],
            valence=float(n % 5),
            arousal=None if n % 3 == 0 else float(n % 4),
            phq8=float(n % 25),
            depression=("depressed", "not-depressed")[n % 2],
            speaker=None if n % 7 == 0 else label.speaker,
        )
        for n, label in enumerate(dialogue_labels(12))
    ]
    return labels, dialogue_store(tmp_path_factory.mktemp("world"), labels)


def leaf(folder: str, name: str, symbol: str) -> LeafSpec:
    """A leaf with all its defaults."""
    settings = {p.name: p.default for p in leaf_parameters(folder, name, symbol)}
    return LeafSpec(name, settings)


def spec_of(dialogue: str | None, **changes: Any) -> HeadSpec:
    """A head on two modalities with every task that `dialogue` allows."""
    base = dialogue_head()
    tasks = {name: leaf("train/tasks", name, "Task") for name in TASKS}
    if dialogue is None:
        del tasks["causes"]
    encoder = None if dialogue is None else leaf("train/dialogues", dialogue, "Dialogue")
    names = ("text", "audio")
    training = replace(
        base.training, augment=dict.fromkeys(names, EVERYTHING), mixup=0.4, scale_loss=1.0,
        task_weights="uncertainty", **changes,
    )  # fmt: skip
    return replace(
        base, inputs=dict.fromkeys(names, "x"), tasks=tasks, training=training, dialogue=encoder,
        temporal=dict.fromkeys(names, base.temporal["text"]),
        pooling=dict.fromkeys(names, base.pooling["text"]),
    )  # fmt: skip


def loop_of(
    spec: HeadSpec,
    world: tuple[list[Label], Store],
    device: torch.device = torch.device("cpu"),  # noqa: B008
) -> TrainingLoop:
    """A loop at its start."""
    labels, store = world
    data = {}
    for split in ("train", "dev"):
        chosen = [label for label in labels if label.split == split]
        data[split] = SplitData(load_dataset({"text": store, "audio": store}, chosen), chosen)
    train, dev = data["train"], data["dev"]
    facts = label_facts(spec, Splits("f", train.labels, dev.labels, dev.labels, (), 0, False), "x")
    difficulty = torch.linspace(0, 1, len(train.labels))
    return TrainingLoop(spec, facts, train, dev, 0, difficulty, None, device)


@pytest.mark.parametrize("case", CASES, ids=lambda case: "-".join(map(str, case)))
def test_every_encoder_pooling_and_fusion(case: Any, device: torch.device) -> None:
    head = build(case)
    move(head, device)
    batch = {
        name: Padded(track.values.to(device), track.mask.to(device))
        for name, track in tracks(4, lengths=[7, 3, 1, 5]).items()
    }
    logits = head(batch)["emotion"]
    loss = head.tasks["emotion"].loss(logits, torch.tensor([0, 1, 2, -1]).to(device))
    assert (logits.device, loss.device) == (device, device)


@pytest.mark.parametrize("dialogue", [None, *DIALOGUES])
@pytest.mark.parametrize("objective", OBJECTIVES)
def test_a_training_batch_with_every_task(
    dialogue: str | None, objective: str, device: torch.device, world: tuple[list[Label], Store]
) -> None:
    spec = spec_of(dialogue)
    spec = replace(spec, objectives={objective: leaf("train/objectives", objective, "Objective")})
    loop = loop_of(spec, world, device)
    assert loop.loss(ROWS).device == device


@pytest.mark.parametrize("dialogue", [None, *DIALOGUES])
def test_predictions_from_tracks_on_the_gpu_and_on_the_cpu(
    dialogue: str | None, device: torch.device, world: tuple[list[Label], Store]
) -> None:
    loop = loop_of(spec_of(dialogue), world, device)
    dev = loop.dev.dataset
    assert {track.values.device for track in dev.gather(ROWS, device).values()} == {device}
    stored = load_dataset({"text": world[1], "audio": world[1]}, loop.dev.labels)
    deviations = {name: tracks.moments()[1] for name, tracks in stored.tracks.items()}
    for dataset in (dev, stored, *corrupted_datasets(stored, deviations).values()):
        outputs = outputs_of(loop.head, dataset)
        assert {output.device.type for output in outputs.values()} == {"cpu"}
        assert {len(output) for output in outputs.values()} == {len(dataset)}


def test_the_running_average_of_weights(
    device: torch.device, world: tuple[list[Label], Store]
) -> None:
    loop = loop_of(spec_of(None), world, device)
    average = Average(loop.head, 0.9)
    average.update(loop.head)
    saved = {name: torch.zeros(value.shape) for name, value in average.values.items()}
    average.restore({"steps": 3, "values": saved})
    assert {value.device for value in average.values.values()} == {device}


@pytest.mark.parametrize("cell", ["gru", "lstm"])
def test_recurrent_layers_compute_in_float32_under_bfloat16(
    cell: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    kind = {"gru": torch.nn.GRU, "lstm": torch.nn.LSTM}[cell]
    forward, calls = kind.forward, []

    def recorded(layer: Any, packed: Any, *rest: Any) -> Any:
        calls.append((packed.data.dtype, torch.is_autocast_enabled("cpu")))
        return forward(layer, packed, *rest)

    monkeypatch.setattr(kind, "forward", recorded)
    layer = Recurrent(8, 0.0, cell, 1)  # type: ignore[arg-type]
    track = Padded(torch.randn(2, 3, 8).bfloat16(), torch.ones(2, 3, dtype=torch.bool))
    with torch.autocast("cpu", torch.bfloat16):
        layer(track)
    assert calls == [(torch.float32, False)]


@pytest.mark.parametrize("dialogue", [None, *DIALOGUES])
def test_losses_never_wait_for_the_gpu(
    dialogue: str | None, world: tuple[list[Label], Store]
) -> None:
    spec = spec_of(dialogue)
    spec = replace(
        spec,
        objectives={name: leaf("train/objectives", name, "Objective") for name in OBJECTIVES},
    )
    loop = loop_of(spec, world)
    head: Head = loop.head
    batch = loop.train.dataset.gather(ROWS)
    turns = loop.train.dataset.turns(ROWS)
    encoded = head.encode(head.standardised(batch), turns)
    with NeverWaits():
        outputs = head.outputs(encoded)
        losses = [
            head.tasks[name].loss(outputs[name], loop.targets[name][ROWS]) for name in head.tasks
        ]
        head.total(torch.stack(losses))
        for name, objective in head.objectives.items():
            objective(encoded._replace(outputs=outputs), loop.targets[name][ROWS])
