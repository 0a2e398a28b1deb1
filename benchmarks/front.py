"""The convolutional front end of waveform networks in padded batches, against clip by clip.

wav2vec2-base (a norm over time) and wav2vec2-large (norms of each step) with random weights, clips
of MELD's durations. `batched_over_alone` is the time clip by clip over the time in padded batches,
in turns in one process, the median over the rounds (above 1: batches are faster); `relative` is
the relative difference of the outputs.

    python benchmarks/front.py [--json PATH] [--device cpu] [--clips 24] [--rounds 7]
"""

import json
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click
import numpy as np
import torch
from transformers import Wav2Vec2Config, Wav2Vec2Model

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from app.devices import chosen_device
from benchmarks.worlds.cases import durations_s
from extract.backbones import wav2vec2
from extract.backbones._speech.checkpoint import HfSpeechNetwork
from extract.backbones._speech.encoder import FRONT_SAMPLES, Speech
from extract.network.backbone import Window, seeded
from extract.network.compute import Compute
from features.specs.tracks import ExtractSpec

# Only the front end is timed, so one layer after it is enough.
NETWORKS: dict[str, dict[str, Any]] = {
    "wav2vec2-base": {"num_hidden_layers": 1},
    "wav2vec2-large": {
        "num_hidden_layers": 1, "feat_extract_norm": "layer", "do_stable_layer_norm": True,
    },
}  # fmt: skip


def compared(sizes: dict[str, Any], compute: Compute, clips: int, rounds: int) -> dict[str, float]:
    """Time and difference of the two ways."""
    network = seeded(0, lambda: HfSpeechNetwork(Wav2Vec2Model(Wav2Vec2Config(**sizes))))
    backbone = Speech(network, "", compute, wav2vec2.VERSION, variance_floor=None)
    random = np.random.default_rng(0)
    windows = [
        Window(random.normal(0, 1, round(16_000 * seconds)).astype(np.float32))
        for seconds in sorted(durations_s(clips), reverse=True)
    ]
    lengths = [backbone.prepare.num_steps(len(window.values)) for window in windows]

    def convolved(front_samples: int) -> torch.Tensor:
        backbone.front_samples = front_samples
        with compute.running():
            return backbone._convolved(windows, max(lengths))

    alone, batched = convolved(0), convolved(FRONT_SAMPLES)
    apart = [
        float((alone[n, :k] - batched[n, :k]).norm() / alone[n, :k].norm())
        for n, k in enumerate(lengths)
    ]
    ratios = [
        timed(lambda: convolved(0), compute) / timed(lambda: convolved(FRONT_SAMPLES), compute)
        for _ in range(rounds)
    ]
    return {"batched_over_alone": statistics.median(ratios), "relative": max(apart)}


def timed(work: Callable[[], Any], compute: Compute) -> float:
    """Seconds of a call, including the device's work."""
    begin = time.perf_counter()
    work()
    if compute.on_gpu:
        torch.cuda.synchronize(compute.device)
    return time.perf_counter() - begin


@click.command()
@click.option("--json", "json_path", type=click.Path(path_type=Path), help="Write figures here.")
@click.option("--device", default="cpu", show_default=True)
@click.option("--clips", default=24, show_default=True)
@click.option("--rounds", default=7, show_default=True)
def main(json_path: Path | None, device: str, clips: int, rounds: int) -> None:
    """Print ratios and differences."""
    compute = Compute.of(ExtractSpec(), chosen_device(device))
    figures = {name: compared(sizes, compute, clips, rounds) for name, sizes in NETWORKS.items()}
    click.echo(f"{'network':<20}{'batched_over_alone':>20}{'relative':>12}")
    for name, row in figures.items():
        click.echo(f"{name:<20}{row['batched_over_alone']:>20.2f}{row['relative']:>12.1e}")
    if json_path:
        json_path.write_text(json.dumps(figures, indent=2) + "\n")


if __name__ == "__main__":
    main()
