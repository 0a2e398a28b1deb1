"""How close extraction comes to the network's own speed, and how it compares with the usual loop.

For text, audio and video, in turns in one process, the same utterances (lengths as in MELD) go
through three things:

- forward: the network alone, one utterance at a time, inputs ready in memory;
- extraction: decode, batch, encode, check, checksum, write and publish a store;
- the usual loop: file order, padded batches of four, decoding inline, one file per utterance.

`end_to_end_over_forward` is forward time over extraction time. `over_usual_loop` is the usual
loop's time over extraction time, divided by the usual loop's padded steps over its real steps: 1
means that all its padding was saved and nothing else lost. Loading the weights is not counted.

    python benchmarks/extract.py [--json PATH] [--device cuda] [--compute bfloat16]

needs MELD's transcripts at ../shared/data/meld or below $PERMAFROST_DATA.
"""

import json
import shutil
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

# Text with MiniLM, audio with wav2vec2-base, video with R3D-18, video with CLIP ViT-B/32.
NAMES = ("text", "audio", "video", "frames")
FORMATS = ("float32", "tf32", "bfloat16")

if TYPE_CHECKING:
    from benchmarks.worlds.cases import Case


@click.command()
@click.option("--json", "json_path", type=click.Path(path_type=Path), help="Write figures here.")
@click.option("--device", default="cpu", show_default=True)
@click.option("--compute", "number_format", type=click.Choice(FORMATS), default="float32")
@click.option("--rounds", default=5, show_default=True)
@click.option("--texts", type=int, help="2400; all 2610 on a GPU.")
@click.option("--sounds", "audio_clips", type=int, help="20; 3000 on a GPU.")
@click.option("--videos", type=int, help="8; 400 on a GPU.")
@click.option("--only", type=click.Choice(NAMES), multiple=True, help="These columns; all.")
def main(
    json_path: Path | None,
    device: str,
    number_format: Any,
    rounds: int,
    texts: int | None,
    audio_clips: int | None,
    videos: int | None,
    only: tuple[str, ...],
) -> None:
    """Print a table of ratios for each kind of utterance and network."""
    # Imported here: each decoding process imports this file, as it would cli.py.
    from app.devices import chosen_device
    from benchmarks.worlds.cases import made
    from extract.media.child import warm_up
    from extract.network.compute import Compute
    from features.specs.tracks import ExtractSpec

    compute = Compute.of(ExtractSpec(compute=number_format), chosen_device(device))
    warm_up("extract.backbones.r3d", "extract.backbones.clip_frames")
    figures: dict[str, dict[str, float]] = {}
    usual = (2610, 3000, 400) if compute.on_gpu else (2400, 20, 8)
    texts, audio_clips, videos = (
        requested or count
        for requested, count in zip((texts, audio_clips, videos), usual, strict=True)
    )
    counts = dict(zip(NAMES, (texts, audio_clips, videos, videos), strict=True))
    names = only or NAMES
    for name in names:
        folder = Path(tempfile.mkdtemp(prefix="extract-benchmark-"))
        try:
            ratios = measure(made(name, counts[name], folder, compute), rounds)
        finally:
            shutil.rmtree(folder)
        for figure, value in ratios.items():
            figures.setdefault(figure, {})[name] = value
    click.echo(f"{'figure':<34}" + "".join(f"{name:>10}" for name in names))
    for figure, values in figures.items():
        cells = "".join(f"{values.get(name, float('nan')):>10.3f}" for name in names)
        click.echo(f"{figure:<34}{cells}")
    if json_path:
        json_path.write_text(json.dumps(figures, indent=2) + "\n")


def measure(case: "Case", rounds: int) -> dict[str, float]:
    """Medians over the rounds of ratios within a round; the first round is dropped."""
    actions: dict[str, Callable[[], Any]] = {
        "forward": case.forward,
        "batched": case.batched,
        "extraction": case.extraction,
        "usual": case.usual,
    }
    seconds: dict[str, list[float]] = {name: [] for name in actions}
    results: dict[str, Any] = {}
    for number in range(rounds + 1):
        for name in sorted(actions, reverse=bool(number % 2)):
            begin = time.perf_counter()
            results[name] = actions[name]()
            if number:
                seconds[name].append(time.perf_counter() - begin)
    ours = np.array(seconds["extraction"])
    speedup = float(np.median(np.array(seconds["usual"]) / ours))
    figures = {
        "end_to_end_over_forward": float(np.median(np.array(seconds["forward"]) / ours)),
        "end_to_end_over_batched_forward": float(np.median(np.array(seconds["batched"]) / ours)),
        "padding_waste": results["extraction"].padding,
        "speed_over_usual_loop": speedup,
        "usual_loop_padded_over_real": results["usual"],
        "over_usual_loop": speedup / results["usual"],
        "utterances_per_second": len(case.manifest) / float(np.median(ours)),
    }
    total_s = sum(u.end_s or 0.0 for u in case.manifest)
    if total_s:
        figures["x_realtime"] = total_s / float(np.median(ours))
    return figures | {"fraction_of_matmul_peak": flops(case) / float(np.median(ours)) / peak(case)}


def flops(case: "Case") -> float:
    """Operations of the network over the utterances, each alone."""
    from torch.utils.flop_counter import FlopCounterMode

    counter = FlopCounterMode(display=False)
    with counter:
        case.forward()
    return float(counter.get_total_flops())


def peak(case: "Case") -> float:
    """Operations per second of a large matrix product in the same number format, best of ten."""
    from benchmarks.video_networks import peak as matrix_peak

    return matrix_peak(case.compute)


if __name__ == "__main__":
    main()
