"""How fast the large networks on video run, against the device's peak: clips and tokens per second.

R3D-18 on clips of 16 frames; the vision tower of VideoLLaMA3 on frames of 256 tokens; its joint
branch on four such frames and words. Random weights; `--layers` cuts both stacks (the published
network has 27 and 28 layers, the default on a GPU), `--size` takes the language model of the 2B or
7B network. The control is a matrix product in the same number format, in turns with the networks.

    python benchmarks/video_networks.py [--json PATH] [--device cuda] [--compute bfloat16]
"""

import json
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click
import numpy as np
import torch
import transformers as hf
from torch.utils.flop_counter import FlopCounterMode

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from app.devices import chosen_device
from benchmarks.cost import TOWER, WORDS_2B, WORDS_7B
from extract.backbones import r3d, videollama
from extract.backbones._videollama.branches import JointBranch, VideoBranch
from extract.backbones._videollama.input import FramesInput, JointInput, TokenShape
from extract.backbones._videollama.networks import JointNetwork, VisionNetwork
from extract.backbones._videollama.tiny import byte_tokenizer
from extract.media.clip import Clip
from extract.media.text import Text
from extract.network.backbone import Window
from extract.network.compute import Compute
from features.specs.tracks import ExtractSpec

FORMATS = ("float32", "tf32", "bfloat16")
WORDS = "Oh no, he said that he had lost it again."
SIDE_PX = 448


@click.command()
@click.option("--json", "json_path", type=click.Path(path_type=Path), help="Write figures here.")
@click.option("--device", default="cpu", show_default=True)
@click.option("--compute", "kind", type=click.Choice(FORMATS), default="float32")
@click.option("--layers", type=int, help="Of both stacks; default 2 on the CPU, all on a GPU.")
@click.option("--size", type=click.Choice(["2B", "7B"]), default="2B", show_default=True)
@click.option("--rounds", default=5, show_default=True)
def main(
    json_path: Path | None, device: str, kind: Any, layers: int | None, size: str, rounds: int
) -> None:
    """Print medians over the rounds; the first round is dropped."""
    compute = Compute.of(ExtractSpec(compute=kind), chosen_device(device))
    stack = layers or compute.pick(cpu=2, cuda=0)
    config = configured(stack, WORDS_2B if size == "2B" else WORDS_7B)
    clips = compute.pick(cpu=2, cuda=32)
    frames = compute.pick(cpu=1, cuda=16)
    cases = {
        "R3D-18, clips": (clip_encoder(compute, clips), clips),
        "VideoLLaMA3 vision, tokens": (frame_encoder(compute, config, frames), frames * 256),
        "VideoLLaMA3 joint, tokens": joint_encoder(compute, config, compute.pick(cpu=1, cuda=8)),
    }
    name = torch.cuda.get_device_name(compute.device) if compute.on_gpu else "cpu"
    click.echo(f"{name}, {kind}, {stack or 'all'} layers, {size}")
    figures = measure(cases, compute, rounds)
    for case, speeds in figures.items():
        click.echo(
            f"{case:<30}{speeds['per_second']:>12.1f} a second{speeds['of_peak']:>8.2f} of the peak"
        )
    if json_path:
        json_path.write_text(json.dumps({"device": name, **figures}, indent=2) + "\n")


def configured(layers: int, words: dict[str, Any]) -> hf.VideoLlama3Config:
    """The published sizes, with fewer layers where `layers` is not 0."""
    tokenizer = byte_tokenizer()
    cut = {"num_hidden_layers": layers} if layers else {}
    return hf.VideoLlama3Config(
        vision_config={**TOWER, **cut},
        text_config={"model_type": "qwen2", **words, **cut},
        video_token_id=tokenizer.convert_tokens_to_ids("<|video_pad|>"),
        image_token_id=tokenizer.convert_tokens_to_ids("<|image_pad|>"),
    )


def clip_encoder(compute: Compute, count: int) -> Callable[[], Any]:
    """R3D-18 over clips of 16 frames."""
    backbone = r3d.load(compute, weights="random")
    windows = [Window(np.zeros((16, 112, 112, 3), np.uint8))] * count
    return lambda: backbone.encode(windows)


def frame_encoder(compute: Compute, config: Any, count: int) -> Callable[[], Any]:
    """The vision tower and the projector over frames."""
    shape = TokenShape(28, 256, 0, square=False)
    prepare = FramesInput(1.0, None, shape, count, 1)
    processor = hf.VideoLlama3VideoProcessor()
    backbone = VideoBranch(
        made(VisionNetwork, config, compute), "", processor, prepare, compute, videollama.VERSION
    )
    windows = [Window(np.zeros((count, SIDE_PX, SIDE_PX, 3), np.uint8))]
    return lambda: backbone.encode(windows)


def joint_encoder(compute: Compute, config: Any, count: int) -> tuple[Callable[[], Any], int]:
    """The language model over four frames and words, and the number of its tokens."""
    shape = TokenShape(28, 256, 0, square=False)
    video = config.video_token_id
    prepare = JointInput(1.0, None, shape, 60, 1, byte_tokenizer(), video, 32_768)
    processor = hf.VideoLlama3VideoProcessor()
    backbone = JointBranch(
        made(JointNetwork, config, compute),
        "",
        processor,
        prepare,
        compute,
        videollama.VERSION,
        None,
    )
    frames = np.zeros((4, SIDE_PX, SIDE_PX, 3), np.uint8)
    (window,) = backbone.prepare(Clip(frames, None, Text(WORDS))).windows
    return lambda: backbone.encode([window] * count), count * backbone.cost(window)


def made(kind: Any, config: Any, compute: Compute) -> Any:
    """A random network, made on the device in the number format it runs in."""
    dtype = torch.bfloat16 if compute.dtype == "bfloat16" else torch.float32
    before = torch.get_default_dtype()
    try:
        torch.set_default_dtype(dtype)
        with compute.device:
            return kind(config)
    finally:
        torch.set_default_dtype(before)


def measure(
    cases: dict[str, tuple[Callable[[], Any], int]], compute: Compute, rounds: int
) -> dict[str, dict[str, float]]:
    """Units per second and the share of a matrix product's operations per second, by case."""
    operations = {name: counted(run, compute) for name, (run, _) in cases.items()}
    shares: dict[str, list[float]] = {name: [] for name in cases}
    speeds: dict[str, list[float]] = {name: [] for name in cases}
    for number in range(rounds + 1):
        most = peak(compute)
        for name, (run, units) in cases.items():
            seconds = timed(run, compute)
            if number:
                speeds[name].append(units / seconds)
                shares[name].append(operations[name] / seconds / most)
    return {
        name: {
            "per_second": float(np.median(speeds[name])),
            "of_peak": float(np.median(shares[name])),
        }
        for name in cases
    }


def counted(run: Callable[[], Any], compute: Compute) -> float:
    """Operations of a call."""
    counter = FlopCounterMode(display=False)
    with compute.running(), counter:
        run()
    return float(counter.get_total_flops())


def timed(run: Callable[[], Any], compute: Compute) -> float:
    """Seconds of a call, including the device's work."""
    begin = time.perf_counter()
    with compute.running():
        run()
    if compute.on_gpu:
        torch.cuda.synchronize(compute.device)
    return time.perf_counter() - begin


def peak(compute: Compute, size: int = 2048) -> float:
    """Operations per second of a large matrix product in the same number format, best of ten."""
    size = compute.pick(cpu=size, cuda=4 * size)
    kind = torch.bfloat16 if compute.dtype == "bfloat16" else torch.float32
    matrix = torch.randn(size, size, device=compute.device, dtype=kind)
    return 2 * size**3 / min(timed(lambda: matrix @ matrix, compute) for _ in range(10))


if __name__ == "__main__":
    main()
