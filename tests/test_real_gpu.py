"""Everything that a pretended GPU cannot show, on a real one; skipped where there is none."""

import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from benchmarks.worlds.cases import made
from extract.network.backbone import Backbone
from extract.network.compute import CPU, Compute
from features.leaves import leaf_names
from features.manifest import Label
from features.specs.tracks import ExtractSpec
from features.store.pool import Pool
from features.store.reader import Store
from features.store.verify import verify
from tests.conformance import MAX_RELATIVE, errors, neighbour_errors, windows
from tests.conftest import ROOT
from tests.pretended_gpu import take_gpu_paths
from tests.test_gpu_backbones import tiny
from tests.test_gpu_heads import DIALOGUES, OBJECTIVES, leaf, loop_of, spec_of, world
from tests.test_gpu_pipeline import run
from tests.test_heads import CASES, build, tracks
from train.data.dataset import CPU as CPU_DEVICE
from train.data.dataset import Dataset
from train.data.dialogues import Places
from train.data.masking import Padded
from train.data.standardise import BySpeaker, ByUtterance, Moments
from train.data.tracks import Tracks
from train.loop.checkpoint import Checkpoint
from train.loop.pacing import set_dropout
from train.loop.training_loop import TrainingLoop
from train.runs.run_fold import RunSettings
from train.runs.run_head import run_head

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no GPU that torch can use"),
]
__all__ = ["world"]
DEVICE = torch.device("cuda", 0)
# GPUs and CPUs sum in other orders; what is wrong differs by far more.
ACROSS = 1e-4


@pytest.fixture(autouse=True)
def _exact() -> Iterator[None]:
    """Kernels as in training, and those of before afterwards."""
    from features.kernels import exact_kernels, repeatable_training

    exact_kernels(DEVICE)
    repeatable_training(DEVICE)
    yield
    torch.use_deterministic_algorithms(False)


def on_gpu(name: str) -> Backbone:
    """A tiny backbone on the GPU."""
    backbone = tiny(name)
    take_gpu_paths(backbone, Compute.of(ExtractSpec(), DEVICE))
    for value in vars(backbone).values():
        if isinstance(value, nn.Module):
            value.to(DEVICE)
    return backbone


@pytest.mark.parametrize("name", leaf_names("extract/backbones"))
def test_tracks_are_those_of_the_cpu_whatever_the_neighbours(name: str) -> None:
    torch.use_deterministic_algorithms(False)
    backbone: Any = on_gpu(name)
    many = windows(backbone, 12)
    with CPU.running():
        expected = tiny(name).encode(many)
    with backbone.compute.running():
        encoded = backbone.compute.fetch(backbone.encode(many))()
        again = backbone.compute.fetch(backbone.encode(many))()
    for track, repeated, reference in zip(encoded, again, expected, strict=True):
        assert torch.equal(track, repeated)
        assert errors(track, reference)[0] <= ACROSS
    assert neighbour_errors(backbone, many, backbone.compute)[0] <= MAX_RELATIVE


def gradients(case: Any, device: torch.device) -> dict[str, torch.Tensor]:
    """Of a head's loss on four utterances, on the CPU."""
    head = build(case).to(device).train()  # cuDNN's recurrent layers have no gradient otherwise
    set_dropout(head, 0.0)
    batch = {
        name: Padded(track.values.to(device), track.mask.to(device))
        for name, track in tracks(4, lengths=[7, 3, 1, 5]).items()
    }
    head.tasks["emotion"].loss(
        head(batch)["emotion"], torch.tensor([0, 1, 2, -1]).to(device)
    ).backward()
    return {
        name: parameter.grad.cpu()
        for name, parameter in head.named_parameters()
        if parameter.grad is not None
    }


@pytest.mark.parametrize("case", CASES, ids=lambda case: "-".join(map(str, case)))
def test_gradients_are_repeatable_and_those_of_the_cpu(case: Any) -> None:
    first, second = gradients(case, DEVICE), gradients(case, DEVICE)
    expected = gradients(case, torch.device("cpu"))
    assert first.keys() == second.keys() == expected.keys()
    for name, gradient in first.items():
        assert torch.equal(gradient, second[name]), name
        apart = (gradient - expected[name]).norm()
        assert apart <= ACROSS * expected[name].norm() + 1e-6, name


def trained(spec: Any, world: tuple[list[Label], Store], epochs: int = 2) -> TrainingLoop:
    """A head after some epochs on the GPU."""
    loop = loop_of(spec, world, DEVICE)
    for _ in range(epochs):
        loop.run_epoch()
    return loop


def state_of(loop: TrainingLoop) -> dict[str, torch.Tensor]:
    """The weights of a loop's head."""
    return {name: value.cpu() for name, value in loop.head.state_dict().items()}


def assert_equal_states(first: TrainingLoop, second: TrainingLoop) -> None:
    """Equal weights to the bit, and equal losses."""
    assert first.epochs == second.epochs
    others = state_of(second)
    assert all(torch.equal(value, others[name]) for name, value in state_of(first).items())


@pytest.mark.parametrize("dialogue", [None, *DIALOGUES])
@pytest.mark.parametrize("objective", [None, *OBJECTIVES])
def test_two_trainings_are_equal(
    dialogue: str | None, objective: str | None, world: tuple[list[Label], Store]
) -> None:
    spec = spec_of(dialogue)
    if objective:
        objectives = {objective: leaf("train/objectives", objective, "Objective")}
        spec = replace(spec, objectives=objectives)
    assert_equal_states(trained(spec, world), trained(spec, world))


@pytest.mark.parametrize("precision", ["tf32", "bfloat16"])
@pytest.mark.parametrize("code", ["recurrent", "tcn", "transformer"])
def test_other_number_formats_train(
    precision: Any, code: str, world: tuple[list[Label], Store]
) -> None:
    encoder = leaf("train/temporal", code, "Temporal")
    spec = spec_of(None, precision=precision)
    spec = replace(spec, temporal=dict.fromkeys(spec.temporal, encoder))
    assert_equal_states(trained(spec, world), trained(spec, world))


@pytest.mark.parametrize("dialogue", [None, "recurrent"])
def test_a_resumed_training_ends_as_an_uninterrupted_one(
    dialogue: str | None, world: tuple[list[Label], Store], tmp_path: Path
) -> None:
    spec, checkpoint = spec_of(dialogue, average=0.9), Checkpoint(tmp_path / "state.pt")
    checkpoint.write(trained(spec, world).state())
    resumed = loop_of(spec, world, DEVICE)
    torch.rand(7, device=DEVICE)
    saved = checkpoint.read()
    assert saved is not None
    resumed.restore(saved)
    resumed.run_epoch()
    assert_equal_states(resumed, trained(spec, world, 3))


@pytest.mark.parametrize("dialogue", [None, *DIALOGUES])
def test_two_runs_of_a_head_write_the_same(
    dialogue: str | None, world: tuple[list[Label], Store], tmp_path: Path
) -> None:
    spec = replace(spec_of(dialogue, epochs=2), name="head")
    labels, store = world
    written = []
    for name in ("first", "second"):
        stores = {"text": store, "audio": store}
        run_head(spec, labels, stores, tmp_path / name, settings=RunSettings(device=DEVICE))
        files = [f for f in (tmp_path / name).rglob("*") if f.is_file() and f.name != "run.json"]
        written.append({f.relative_to(tmp_path / name): f.read_bytes() for f in files})
    assert written[0] == written[1] and Path("metrics.json") in written[0]


@pytest.fixture
def here(demo_root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project with the demo corpus and its manifest, in which commands run."""
    shutil.copy(ROOT / "tests" / "small_params.yaml", tmp_path / "params.yaml")
    shutil.copytree(demo_root, tmp_path / "data/raw/mine")
    monkeypatch.chdir(tmp_path)
    run("manifest", "mine")
    return tmp_path


def test_commands_extract_and_train(here: Path) -> None:
    torch.use_deterministic_algorithms(False)
    stores = [here / f"features/cache/mine/{name}.zarr" for name in ("mel", "minilm")]
    written = []
    for device in ("cpu", "cuda", "auto"):
        run("extract", "mine-mel", "--device", device)
        run("extract", "mine-minilm", "--device", device)
        written.append([Store(store) for store in stores])
        assert [verify(store) for store in stores] == [[], []]
        if device == "cuda":
            shutil.rmtree(Pool.default().folder)
    on_cpu, first, second = written
    for cpu, one, other in zip(on_cpu, first, second, strict=True):
        assert one.attributes["digest"] == other.attributes["digest"]
        assert cpu.attributes["recipe"] != one.attributes["recipe"]
    metrics = []
    for _ in range(2):
        shutil.rmtree(here / "runs", ignore_errors=True)
        run("train", "main", "--device", "cuda")
        metrics.append((here / "runs/main/metrics.json").read_bytes())
    assert metrics[0] == metrics[1]


def test_a_gpu_with_little_memory_extracts_the_same(tmp_path: Path) -> None:
    torch.use_deterministic_algorithms(False)
    case = made("audio", 60, tmp_path, Compute.of(ExtractSpec(), DEVICE))
    used = torch.cuda.memory_allocated(DEVICE)
    torch.cuda.reset_peak_memory_stats(DEVICE)
    case.extraction()
    peak = torch.cuda.max_memory_allocated(DEVICE)
    expected = tracks_of(case.folder / "out/store.zarr")
    total = torch.cuda.get_device_properties(DEVICE).total_memory
    torch.cuda.empty_cache()
    try:
        limit = used + (peak - used) / 3
        torch.cuda.set_per_process_memory_fraction(limit / total, DEVICE)
        case.extraction()
    finally:
        torch.cuda.set_per_process_memory_fraction(1.0, DEVICE)
    for track, other in zip(tracks_of(case.folder / "out/store.zarr"), expected, strict=True):
        assert errors(track, other)[0] <= 1e-3


def tracks_of(path: Path) -> list[torch.Tensor]:
    """All tracks of a store."""
    store = Store(path)
    return [torch.from_numpy(store.track(row).astype("float32")) for row in range(len(store))]


def test_tracks_standardised_by_speaker_are_those_of_the_cpu() -> None:
    random = torch.Generator().manual_seed(0)
    lengths = torch.randint(1, 9, (40,), generator=random)
    values = torch.randn(int(lengths.sum()), 2, 5, generator=random).half()
    source = Tracks(values, lengths)
    corpus = Moments(*source.moments())
    speakers = [f"s{n % 5}" for n in range(39)] + ["alone"]
    tracks = BySpeaker.of(source, corpus, speakers), ByUtterance(source, corpus)
    labels = [Label(f"u{n}") for n in range(40)]
    for own in tracks:
        dataset = Dataset(tuple(x.id for x in labels), {"audio": own}, Places.of(labels))
        moved = dataset.on(torch.device("cuda"))
        rows = torch.arange(39, -1, -1)
        expected = dataset.gather(rows)["audio"]
        for where in (torch.device("cuda"), CPU_DEVICE):
            track = moved.gather(rows, where)["audio"]
            assert track.values.device.type == where.type
            assert torch.equal(track.mask.cpu(), expected.mask)
            assert torch.allclose(track.values.cpu(), expected.values, atol=1e-5)
