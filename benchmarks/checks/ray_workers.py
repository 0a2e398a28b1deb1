"""Filling a store on Ray with several numbers of workers: equal bytes, and the time they lose.

`bytes` fills the demo's spectrograms by 1, 2, 3 and 7 workers, `network` its speech tracks of
wav2vec2-base's architecture with random weights by 1 and 2, each beside a run without Ray.

`efficiency` takes a network that sleeps in place of computing, so that all that is measured is what
is ours and Ray's: of the time from the moment when every worker has loaded its network until one
has nothing left to do, the share that the workers slept. `whole_efficiency` counts the start too:
the seconds slept over workers times the seconds of the command. Needs requirements-extra.txt.

    python benchmarks/checks/ray_workers.py [--json PATH] [--workers 8]
"""

import json
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import click
import torch

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from app.devices import chosen_device
from extract.backbones import log_mel
from extract.fill import cluster as ray_filling
from extract.fill.fill import extract_tracks
from extract.synthetic import demo
from features.cluster import Cluster
from features.manifest import Utterance
from features.specs.tracks import BackboneSpec, CorpusSpec, ExtractSpec, LeafSpec
from features.store.pool import Pool

SLEEP_S, PARTS_PER_WORKER = 1.0, 12
SPEC = ExtractSpec(part_bytes=1, threads=1)
MEL = BackboneSpec("log-mel", "audio", LeafSpec("log-mel", {"num_bands": 8}))
NETWORK = BackboneSpec("w2v", "audio", LeafSpec("wav2vec2", {"checkpoint": "random"}))
LOG_VARIABLE = "PERMAFROST_SLEEP_LOG"


@click.command()
@click.option("--json", "json_path", type=click.Path(path_type=Path), help="Write figures here.")
@click.option("--workers", default=8, show_default=True)
def main(json_path: Path | None, workers: int) -> None:
    """Print what is equal and what share of the time was slept."""
    torch.set_num_threads(1)
    figures: dict[str, Any] = {}
    with tempfile.TemporaryDirectory(prefix="ray-workers-") as name:
        corpus = CorpusSpec("demo", Path(name) / "demo", LeafSpec("demo", {}))
        demo.make(corpus.root, seed=1, num_dialogues=workers * PARTS_PER_WORKER // 8)
        manifest = _each_alone(corpus)
        folder = Path(name)
        figures["bytes"] = equal(folder / "mel", manifest[:40], corpus, MEL, (1, 2, 3, 7))
        figures["network"] = equal(folder / "w2v", manifest[:10], corpus, NETWORK, (1, 2))
        figures |= efficiency(folder / "sleep", manifest, corpus, workers)
    for figure, value in figures.items():
        click.echo(f"{figure:<18}{value}")
    if json_path:
        json_path.write_text(json.dumps(figures, indent=2) + "\n")


def _each_alone(corpus: CorpusSpec) -> list[Utterance]:
    from extract.corpus.read import read_corpus

    manifest = read_corpus(corpus).utterances
    return [replace(utterance, dialogue=utterance.id) for utterance in manifest]


def _job(folder: Path, manifest: Sequence[Utterance], corpus: CorpusSpec, of: BackboneSpec) -> Any:
    choose = partial(chosen_device, "cpu")
    path, pool = folder / "store.zarr", folder / "pool"
    return ray_filling.Job(path, manifest, corpus, of, SPEC, choose, pool, Path.cwd())


def equal(
    folder: Path,
    manifest: Sequence[Utterance],
    corpus: CorpusSpec,
    backbone: BackboneSpec,
    counts: Sequence[int],
) -> str:
    """Fill without Ray and by each number of workers; AssertionError where a byte differs."""
    alone = folder / "alone.zarr"
    device, pool = torch.device("cpu"), Pool(folder / "alone-pool")
    extract_tracks(alone, manifest, corpus, backbone, SPEC, device, pool)
    for count in counts:
        job = _job(folder / str(count), manifest, corpus, backbone)
        done = ray_filling.fill_on_ray(job, Cluster(workers=count))
        assert done.num_made > count, done.num_made
        assert _tree(job.path) == _tree(alone), count
    return f"{done.num_parts} parts, {', '.join(map(str, counts))} workers: equal"


def _tree(store: Path) -> dict[str, bytes]:
    files = (file for file in store.rglob("*") if file.is_file())
    return {file.relative_to(store).as_posix(): file.read_bytes() for file in files}


class Sleeping:
    """A spectrogram that sleeps before each batch, and notes when."""

    def __init__(self) -> None:
        self.inner: Any = log_mel.tiny()
        self.log = Path(os.environ[LOG_VARIABLE]) / f"{os.getpid()}"

    def __getattr__(self, name: str) -> Any:
        return getattr(self.inner, name)

    def encode(self, windows: Sequence[Any]) -> list[torch.Tensor]:
        begin = time.time()
        time.sleep(SLEEP_S)
        with self.log.open("a") as file:
            file.write(f"{begin} {time.time()}\n")
        tracks: list[torch.Tensor] = self.inner.encode(windows)
        return tracks


class SleepingFiller(ray_filling.Filler):
    """A worker whose network sleeps."""

    def network(self, job: ray_filling.Job) -> Any:
        """A spectrogram that sleeps."""
        return Sleeping()


def efficiency(
    folder: Path, manifest: Sequence[Utterance], corpus: CorpusSpec, workers: int
) -> dict[str, float]:
    """Fill by workers that sleep; the shares of the time that they slept."""
    log = folder / "log"
    log.mkdir(parents=True)
    os.environ[LOG_VARIABLE] = str(log)
    ray_filling.Filler = SleepingFiller  # type: ignore[misc]
    begin = time.time()
    ray_filling.fill_on_ray(_job(folder, manifest, corpus, MEL), Cluster(workers=workers))
    whole_s = time.time() - begin
    sleeps = [_sleeps(file) for file in log.iterdir()]
    assert len(sleeps) == workers, len(sleeps)
    loaded = max(times[0][0] for times in sleeps)
    over = min(times[-1][1] for times in sleeps)
    slept_s = sum(
        max(0.0, min(end, over) - max(start, loaded)) for times in sleeps for start, end in times
    )
    all_s = sum(end - start for times in sleeps for start, end in times)
    shutil.rmtree(folder)
    return {
        "efficiency": slept_s / (workers * (over - loaded)),
        "whole_efficiency": all_s / (workers * whole_s),
        "window_s": over - loaded,
        "whole_s": whole_s,
    }


def _sleeps(file: Path) -> list[tuple[float, float]]:
    lines = [line.split() for line in file.read_text().splitlines()]
    return [(float(begin), float(end)) for begin, end in lines]


if __name__ == "__main__":
    main()
