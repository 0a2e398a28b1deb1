"""A GPU whose memory is full, in all the shapes of that; and how much of it networks take."""

import shutil
import weakref
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest
import torch
import transformers as hf

from extract.backbones import log_mel
from extract.backbones._emotion2vec.files import architecture
from extract.backbones._emotion2vec.network import Emotion2VecNetwork
from extract.backbones._speech.checkpoint import HfSpeechNetwork
from extract.backbones._speech.encoder import Speech
from extract.fill.fill import fill_store
from extract.fill.outcome import ExtractionResult
from extract.network.backbone import Window
from extract.network.compute import CPU, Compute, memory_checked
from extract.network.encoder import Encoder
from features.errors import ProjectError
from features.manifest import Label
from features.memory import lacks_memory
from features.specs.heads import HeadSpec
from features.specs.tracks import LeafSpec
from features.store.reader import Store
from tests.fill_world import SMALL, Faulty, World
from tests.head_world import labels, spec, store  # noqa: F401
from tests.pretended_gpu import Event, GpuPathsOnCpu, MemoryMeter, fake_gpu, move, stand_ins
from tests.speech_architectures import EMOTION2VEC_CONFIG
from train.runs.run_head import run_head

pytestmark = pytest.mark.slow

FULL: list[Callable[[], Exception]] = [
    lambda: torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB"),
    lambda: RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling cublasCreate"),
    lambda: torch.AcceleratorError("CUDA error: out of memory\nCUDA kernel errors might be"),
    lambda: RuntimeError("GET was unable to find an engine to execute this computation"),
    lambda: RuntimeError("cuDNN error: CUDNN_STATUS_ALLOC_FAILED"),
]
OTHER = [RuntimeError("mat1 and mat2 shapes cannot be multiplied"), ValueError("out of memory?")]
GPU = GpuPathsOnCpu(torch.device("cpu"))


@pytest.fixture(params=FULL, ids=lambda full: str(full())[:40])
def full(request: pytest.FixtureRequest) -> Callable[[], Exception]:
    raised: Callable[[], Exception] = request.param
    return raised


@pytest.fixture
def world(tmp_path: Path, own_demo: Path) -> World:
    return World(tmp_path, own_demo)


@pytest.fixture
def gpu() -> Iterator[Compute]:
    with stand_ins(0):
        yield GPU


class Full:
    """A spectrogram on a device that is full whenever `is_full` is true of a batch."""

    def __init__(self, error: Callable[[], Exception], is_full: Callable[[int], bool]) -> None:
        self.inner: Any = log_mel.tiny()
        self.error, self.is_full = error, is_full
        self.sizes: list[int] = []

    def __getattr__(self, name: str) -> Any:
        return getattr(self.inner, name)

    def encode(self, windows: list[Window]) -> list[torch.Tensor]:
        self.sizes.append(len(windows))
        if self.is_full(len(windows)):
            raise self.error()
        encoded: list[torch.Tensor] = self.inner.encode(windows)
        return encoded

    def extract(self, world: World, compute: Compute = CPU) -> ExtractionResult:
        loaded = [(world.backbone, cast(Any, self))]
        return fill_store(
            loaded, compute, world.path, world.manifest, world.corpus, SMALL, world.pool
        )


class TestEveryShape:
    def test_a_batch_is_made_smaller(self, full: Callable[[], Exception], world: World) -> None:
        Faulty().extract(world)
        expected = world.tree()
        shutil.rmtree(world.pool.folder)
        network = Full(full, lambda size: size > 3)
        network.extract(world)
        assert world.tree() == expected and max(network.sizes) > 3

    def test_one_window_is_tried_once_more(
        self, full: Callable[[], Exception], world: World
    ) -> None:
        failures = iter([True])
        network = Full(full, lambda size: next(failures, False))
        network.inner.budget = 1
        assert network.extract(world).reasons["ok"] == 32

    def test_one_window_that_never_fits_is_one_line(
        self, full: Callable[[], Exception], world: World
    ) -> None:
        network = Full(full, lambda size: True)
        network.inner.budget = 1
        with pytest.raises(ProjectError, match=r"demo-log-mel: one window of \d+ steps does not"):
            network.extract(world)
        assert network.sizes == [1, 1]

    def test_a_network_that_does_not_fit_is_one_line(
        self, full: Callable[[], Exception], world: World, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def build(*_: object, **__: object) -> None:
            raise full()

        monkeypatch.setattr("torchaudio.transforms.MelSpectrogram", build)
        with pytest.raises(ProjectError, match="the network of 'log-mel' does not fit into the"):
            world.extract()

    def test_what_fails_later_is_noticed_when_it_is_fetched(
        self, full: Callable[[], Exception], world: World, gpu: Compute,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:  # fmt: skip
        failures = iter([False, False, True])

        def synchronize(event: Event) -> None:
            if next(failures, False):
                raise full()

        monkeypatch.setattr(Event, "synchronize", synchronize)
        network = Full(full, lambda size: False)
        assert network.extract(world, gpu).reasons["ok"] == 32
        assert next(failures, None) is None

    def test_a_head_reports_it_in_one_line(
        self, full: Callable[[], Exception], spec: HeadSpec, labels: list[Label], store: Store,
        tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    ) -> None:  # fmt: skip
        def step(*_: object, **__: object) -> None:
            raise full()

        monkeypatch.setattr(torch.optim.AdamW, "step", step)
        with pytest.raises(ProjectError, match=r"heads\.test: a batch does not fit.*batch_size"):
            run_head(spec, labels, {"text": store}, tmp_path / "run")


def test_a_companion_that_never_fits_is_left_alone_on_a_gpu_too(
    world: World, gpu: Compute, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    first, companion = Full(FULL[0], lambda size: False), Full(FULL[0], lambda size: True)
    companion.inner, companion.inner.budget = log_mel.load(CPU, num_bands=9), 1
    other = replace(world.backbone, name="other", leaf=LeafSpec("log-mel", {"num_bands": 9}))
    loaded = [(world.backbone, cast(Any, first)), (other, cast(Any, companion))]
    filled = fill_store(loaded, gpu, world.path, world.manifest, world.corpus, SMALL, world.pool)
    assert filled.reasons["ok"] == 32 and companion.sizes == [1]
    printed = capsys.readouterr().err
    assert printed.count("demo-other is left for a separate run: demo-other: one window") == 1
    # What fails after all utterances were taken, when the last runs are fetched, is made again.
    shutil.rmtree(world.pool.folder)
    num_batches = len(first.sizes)

    def synchronize(event: Event) -> None:
        if len(first.sizes) == 2 * num_batches and not failed:
            failed.append(True)
            raise FULL[2]()

    failed: list[bool] = []
    monkeypatch.setattr(Event, "synchronize", synchronize)
    assert first.extract(world, gpu).reasons["ok"] == 32 and failed


def test_memory_is_given_back_after_the_failed_batch_is_gone(
    world: World, gpu: Compute, monkeypatch: pytest.MonkeyPatch
) -> None:
    batch: list[weakref.ref[torch.Tensor]] = []
    alive: list[bool] = []

    def is_full(size: int) -> bool:
        values = torch.zeros(1)
        batch.append(weakref.ref(values))
        if len(batch) == 1:
            raise torch.OutOfMemoryError(f"CUDA out of memory with {values.shape}")
        return False

    monkeypatch.setattr(torch.cuda, "empty_cache", lambda: alive.append(batch[0]() is not None))
    Full(FULL[0], is_full).extract(world, gpu)
    assert alive == [False]


@pytest.mark.parametrize("error", OTHER, ids=str)
def test_other_errors_stay_what_they_are(error: Exception) -> None:
    assert not lacks_memory(error)
    with pytest.raises(type(error), match=str(error)[:10]), memory_checked():
        raise error


def test_without_pinned_memory_everything_still_arrives(
    gpu: Compute, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(tensor: torch.Tensor) -> torch.Tensor:
        raise torch.AcceleratorError("CUDA error: out of memory")

    empty, refused = torch.empty, []

    def refuse_pinned(*sizes: Any, **settings: Any) -> torch.Tensor:
        if settings.get("pin_memory"):
            refused.append(sizes)
            raise torch.AcceleratorError("CUDA error: out of memory")
        return empty(*sizes, **settings)

    monkeypatch.setattr(torch.Tensor, "pin_memory", refuse)
    monkeypatch.setattr(torch, "empty", refuse_pinned)
    tracks = [gpu.put(np.arange(6.0).reshape(1, 3, 2)), gpu.put(np.ones((1, 1, 2)))]
    first, second = gpu.fetch(tracks)()
    assert torch.equal(first, tracks[0]) and torch.equal(second, tracks[1])
    assert refused == [(torch.Size([8]),)]


def test_a_gpu_is_given_the_next_part_before_the_last_one_is_fetched(
    world: World, gpu: Compute, monkeypatch: pytest.MonkeyPatch
) -> None:
    order: list[str] = []
    monkeypatch.setattr(Event, "synchronize", lambda event: order.append("fetch"))
    network = Full(FULL[0], lambda size: bool(order.append("encode")))
    network.inner.budget = 10**6  # every part is one batch
    filled = network.extract(world, gpu)
    between = ["encode", "fetch"] * (filled.num_parts - 1)
    assert filled.num_parts > 2 and order == ["encode", *between, "fetch"]
    stored = Store(world.path)
    reference = World(world.path.parent / "cpu", world.corpus.root)
    Full(FULL[0], lambda size: False).extract(reference)
    tracks = Store(reference.path)
    for row in range(32):
        assert np.allclose(stored.track(row), tracks.track(row), rtol=1e-3)
    assert stored.attributes["recipe"] != tracks.attributes["recipe"]


def test_a_gpus_store_does_not_depend_on_its_history_either(
    world: World, gpu: Compute, tmp_path: Path, own_demo: Path
) -> None:
    def fill(other: World) -> None:
        Full(FULL[0], lambda size: False).extract(other, gpu)

    fill(world)
    grown = World(tmp_path / "grown", own_demo)
    whole = grown.manifest
    for count in (7, 20, 32):
        grown.manifest = whole[:count]
        fill(grown)
    assert grown.tree() == world.tree()


def test_batches_on_a_gpu_may_have_more_padding(gpu: Compute) -> None:
    backbone: Any = log_mel.tiny()
    clips = [np.zeros(4000 + 900 * n, np.float32) for n in range(20)]
    examples = {n: backbone.prepare((sound, 16_000)) for n, sound in enumerate(clips)}
    work = []
    for compute in (CPU, gpu):
        encoder = Encoder(backbone, compute)
        encoder.tracks(examples)
        work.append(encoder.work)
    assert work[1].num_batches < work[0].num_batches
    assert work[0].padding <= 0.05 < work[1].padding


def wavlm_large() -> HfSpeechNetwork:
    sizes = hf.WavLMConfig(
        hidden_size=1024, num_hidden_layers=24, num_attention_heads=16, intermediate_size=4096,
        feat_extract_norm="layer", do_stable_layer_norm=True,
    )  # fmt: skip
    return HfSpeechNetwork(hf.WavLMModel(sizes))


def emotion2vec_base() -> Emotion2VecNetwork:
    return Emotion2VecNetwork(architecture({**EMOTION2VEC_CONFIG, "depth": 8}))


def wav2vec2_base() -> HfSpeechNetwork:
    return HfSpeechNetwork(hf.Wav2Vec2Model(hf.Wav2Vec2Config()))


@pytest.mark.parametrize("build", [wavlm_large, emotion2vec_base, wav2vec2_base])
@pytest.mark.parametrize("window_s", [3.0, 20.0, 60.0])
def test_a_full_batch_of_a_published_network_fits_into_24_gigabytes(
    build: Callable[[], Any], window_s: float
) -> None:
    device = torch.device("cuda", 0)
    with torch.device("meta"):
        network = build()
    with fake_gpu():
        move(network, device)
        compute = Compute(device)
        backbone = Speech(network, "", compute, version=0, variance_floor=None)
        window = Window(np.zeros(round(window_s * 16_000), np.float32))
        many = [window] * max(1, backbone.budget // backbone.cost(window))
        with compute.running(), MemoryMeter() as meter:
            backbone.encode(many)
    weights = sum(parameter.nbytes for parameter in network.parameters())
    peak_gb = (weights + meter.peak_bytes) / 1e9
    print(f"{build.__name__}, {len(many)} windows of {window_s} s: {peak_gb:.1f} GB")
    assert peak_gb < 20
