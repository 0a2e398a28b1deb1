"""The checks of benchmarks/gpu_check.py, one function each."""

import statistics
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import click
import torch
import transformers as hf

from benchmarks.cost import WORDS_2B, WORDS_7B
from benchmarks.train import Bench
from benchmarks.video_networks import configured, frame_encoder, joint_encoder, measure
from benchmarks.worlds.cases import Case, audio_like_meld, case_of
from benchmarks.worlds.training import CLASSES, head_spec, random_split
from extract.backbones import wavlm
from extract.backbones._speech.checkpoint import HfSpeechNetwork
from extract.backbones._speech.encoder import Speech
from extract.network.backbone import Window
from extract.network.compute import Compute
from features.kernels import NumberFormat, exact_kernels
from features.manifest import Label
from features.specs.tracks import ExtractSpec
from features.store.pool import Pool
from features.store.publish import Header, publish
from features.store.reader import Store
from tests.conformance import neighbour_errors, windows
from tests.every_architecture import TRUE
from train.runs.run_fold import RunSettings
from train.runs.run_head import run_head

# The largest relative change of a track by its batch neighbours (docs/explanation/numerics.md).
BOUNDS: dict[NumberFormat, float] = {"float32": 1e-5, "tf32": 1e-2, "bfloat16": 2e-2}


@dataclass(frozen=True)
class Finding:
    """One line of the table; `right` is None where nothing is required."""

    check: str
    value: str
    required: str
    right: bool | None


def computing(device: torch.device, number_format: NumberFormat) -> Compute:
    """The device in a number format."""
    return Compute.of(ExtractSpec(compute=number_format), device)


def neighbours(compute: Compute, names: list[str]) -> Iterator[Finding]:
    """Tracks in batches against alone, and the same batch twice, by network."""
    for name in names:
        with tempfile.TemporaryDirectory() as folder:
            backbone = TRUE[name].load(Path(folder), compute)
        many = windows(backbone, 12, 10 if backbone.modality == "video" else 40)
        relative, _ = neighbour_errors(backbone, many, compute)
        bound = BOUNDS[compute.dtype]
        yield Finding(
            f"{name}, {compute.dtype}: neighbours change a track by",
            f"{relative:.1e}", f"at most {bound:.0e}", relative <= bound,
        )  # fmt: skip
        with compute.running():
            pairs = zip(backbone.encode(many), backbone.encode(many), strict=True)
            same = all(torch.equal(first, second) for first, second in pairs)
        yield Finding(
            f"{name}, {compute.dtype}: the same batch twice", str(same), "bit-identical", same
        )


def audio(computes: Iterable[Compute], count: int, required: float | None) -> Iterator[Finding]:
    """wav2vec2-base with random weights over clips of MELD's durations, in several formats.

    `required` is how many times faster than real time extraction must be in those that use a GPU's
    fast units.
    """
    with tempfile.TemporaryDirectory(prefix="gpu-check-") as name:
        folder = Path(name)
        manifest = audio_like_meld(count, folder)
        for compute in computes:
            case = case_of("audio", manifest, folder, compute)
            yield stores(case)
            yield from realtime(case, 3, None if compute.dtype == "float32" else required)


def stores(case: Case) -> Finding:
    """Two extractions into fresh pools."""
    trees = []
    for _ in range(2):
        case.extraction()
        files = sorted(f for f in (case.folder / "out").rglob("*") if f.is_file())
        trees.append({f.relative_to(case.folder).as_posix(): f.read_bytes() for f in files})
    same = trees[0] == trees[1]
    name = f"wav2vec2-base, {case.compute.dtype}: two fresh pools and their stores"
    return Finding(name, str(same), "equal bytes", same)


def realtime(case: Case, rounds: int, required: float | None) -> Iterator[Finding]:
    """Seconds of audio per second: the network in our batches, and a whole extraction."""
    total_s = sum(utterance.end_s or 0.0 for utterance in case.manifest)
    works = {"batches": case.batched, "extraction": case.extraction}
    for name, work in works.items():
        speed = total_s / statistics.median(list(timings(work, case.compute, rounds)))
        bounded = required is not None and name == "extraction"
        yield Finding(
            f"wav2vec2-base, {case.compute.dtype}: {name}, times realtime", f"{speed:.1f}",
            f"{required:.0f} or more" if bounded else "",
            speed >= (required or 0) if bounded else None,
        )  # fmt: skip


def timings(work: Callable[[], Any], compute: Compute, rounds: int) -> Iterator[float]:
    """Seconds of each round but the first, including the device's work."""
    for number in range(rounds + 1):
        begin = time.perf_counter()
        work()
        if compute.on_gpu:
            torch.cuda.synchronize(compute.device)
        if number:
            yield time.perf_counter() - begin


def video_tokens(compute: Compute, layers: int, size: str, rounds: int) -> Iterator[Finding]:
    """Tokens per second of VideoLLaMA3's vision tower and of its language model."""
    config = configured(layers, WORDS_2B if size == "2B" else WORDS_7B)
    frames = compute.pick(cpu=1, cuda=16)
    cases = {
        "vision": (frame_encoder(compute, config, frames), frames * 256),
        "joint": joint_encoder(compute, config, compute.pick(cpu=1, cuda=8)),
    }
    for name, figures in measure(cases, compute, rounds).items():
        yield Finding(
            f"VideoLLaMA3 {size}, {compute.dtype}: {name}, tokens a second",
            f"{figures['per_second']:.0f} ({figures['of_peak']:.2f} of a matrix product)", "", None,
        )  # fmt: skip


def memory(compute: Compute, layers: int, window_s: float) -> Finding:
    """The memory of a full batch of the longest windows of WavLM-large."""
    sizes = hf.WavLMConfig(
        hidden_size=1024, num_hidden_layers=layers, num_attention_heads=16,
        intermediate_size=4096, feat_extract_norm="layer", do_stable_layer_norm=True,
    )  # fmt: skip
    network = HfSpeechNetwork(hf.WavLMModel(sizes))
    backbone = Speech(network, "", compute, wavlm.VERSION, variance_floor=None)
    window = Window(torch.randn(round(window_s * 16_000)).numpy())
    many = [window] * max(1, backbone.budget // backbone.cost(window))
    if compute.on_gpu:
        torch.cuda.reset_peak_memory_stats(compute.device)
    with compute.running():
        backbone.encode(many)
    peak = torch.cuda.max_memory_allocated(compute.device) / 1e9 if compute.on_gpu else 0.0
    what = f"WavLM-large, {compute.dtype}: {len(many)} windows of {window_s:.0f} s, GB"
    return Finding(what, f"{peak:.1f}", "below 24", peak < 24)


def training(device: torch.device, utterances: int) -> Iterator[Finding]:
    """A head's batches against the usual loader's, and the same training twice."""
    exact_kernels(device)
    gap = Bench(utterances, device).loss_gap()
    yield Finding("training: loss_gap to the usual loader", f"{gap:.1e}", "below 1e-6", gap < 1e-6)
    written = []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        labels, store = _cached(folder, utterances)
        spec = replace(head_spec(), name="check")
        spec = replace(spec, training=replace(spec.training, epochs=3))
        for run in ("first", "second"):
            setting = RunSettings(device=device)
            run_head(spec, labels, {"text": store}, folder / run, settings=setting)
            written.append((folder / run / "metrics.json").read_bytes())
    same = written[0] == written[1]
    yield Finding("training: metrics.json of two trainings", str(same), "equal bytes", same)


def _cached(folder: Path, utterances: int) -> tuple[list[Label], Store]:
    """Made-up tracks as a store, a fifth each as dev and test set."""
    split = random_split(torch.randint(3, 30, (utterances,), generator=torch.Generator()), "u")
    splits: tuple[Any, ...] = ("train", "train", "train", "dev", "test")
    labels = [
        replace(label, split=splits[n // CLASSES % 5]) for n, label in enumerate(split.labels)
    ]
    tracks: Any = split.dataset.tracks["text"]
    pool = Pool(folder / "pool")
    stored = pool.add(
        tracks.values.transpose(0, 1).contiguous().numpy(), key="made-up",
        ids=tuple(label.id for label in labels), inputs=("",) * utterances,
        lengths=tuple(tracks.lengths.tolist()), reasons=("ok",) * utterances, spans=None,
        made_with={},
    )  # fmt: skip
    path = folder / "store.zarr"
    publish(path, Header("made up", {"code": "x"}, "text", 768, (0,), "float16"), [stored], pool)
    return labels, Store(path)


def table_line(finding: Finding) -> str:
    """A line of the table."""
    mark = {True: "ok", False: click.style("NOT", fg="red"), None: ""}[finding.right]
    return f"{finding.check:<66} {finding.value:>30}  {finding.required:<16}{mark}"
