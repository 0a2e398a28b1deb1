"""How much a track depends on its batch: every architecture, and the usual padded batch.

Every network has its published widths and random weights, two layers; 24 clips or texts of random
lengths, five batch plans each, every track against the same clip alone. `python
benchmarks/numerics.py [--json PATH] [--device cuda] [--compute bfloat16]`
"""

import json
import sys
import tempfile
from pathlib import Path
from typing import Any

import click
import numpy as np
import torch
from transformers import Wav2Vec2Config, Wav2Vec2Model

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from app.devices import chosen_device
from extract.backbones import wav2vec2
from extract.network.backbone import seeded
from extract.network.compute import CPU, Compute
from features.kernels import exact_kernels
from tests.conformance import errors, neighbour_errors, windows
from tests.every_architecture import TRUE, without_checkpoints

Errors = tuple[float, float]
FORMATS = ("float32", "tf32", "bfloat16")


@click.command()
@click.option("--json", "json_path", type=click.Path(path_type=Path), help="Write figures here.")
@click.option("--device", default="cpu", show_default=True)
@click.option("--compute", "number_format", type=click.Choice(FORMATS), default="float32")
def main(json_path: Path | None, device: str, number_format: Any) -> None:
    """Print the worst relative and absolute errors of every network."""
    torch.set_num_threads(2)
    place = chosen_device(device)
    exact_kernels(place, number_format)
    # Not `Compute.of`, which refuses bfloat16 on a CPU: it is slow there, but rounds alike.
    compute = Compute(place, number_format)
    figures = every_architecture(compute)
    if compute == CPU:
        figures = {**padded_batches(), **figures, **other_threads()}
    click.echo(f"{'network':<44}{'relative':>12}{'max / rms':>12}")
    for name, (relative, absolute) in figures.items():
        click.echo(f"{name:<44}{relative:>12.1e}{absolute:>12.1e}")
    if json_path:
        json_path.write_text(json.dumps(figures, indent=2) + "\n")


def every_architecture(compute: Compute) -> dict[str, Errors]:
    """The worst errors of our batches, by network."""
    errors: dict[str, Errors] = {}
    for name, architecture in TRUE.items():
        with tempfile.TemporaryDirectory() as folder:
            backbone = architecture.load(Path(folder), compute)
        count = {"whisper-base": 4, "videollama3-joint": 6}.get(name, 24)
        longest = 10 if backbone.modality == "video" else 40
        errors[name] = neighbour_errors(backbone, windows(backbone, count, longest), compute)
    for name, weightless in without_checkpoints(compute).items():
        errors[name] = neighbour_errors(weightless, windows(weightless), compute)
    return errors


def padded_batches() -> dict[str, Errors]:
    """wav2vec2-base, 12 layers, in the library's own padded batches of four, file order."""
    network = seeded(0, lambda: Wav2Vec2Model(Wav2Vec2Config())).eval()
    random = np.random.default_rng(0)
    clips = [
        torch.from_numpy(random.normal(0, 1, int(n)).astype(np.float32))
        for n in np.clip(random.lognormal(np.log(2.5), 0.67, 8), 0.5, 12) * 16_000
    ]
    worst: dict[str, list[Errors]] = {"without a mask": [], "with a mask": []}
    with torch.inference_mode():
        alone = [network(clip[None]).last_hidden_state[0] for clip in clips]
        for start in range(0, len(clips), 4):
            batch = clips[start : start + 4]
            padded = torch.nn.utils.rnn.pad_sequence(batch, batch_first=True)
            steps = torch.arange(padded.shape[1])[None]
            mask = (steps < torch.tensor([len(clip) for clip in batch])[:, None]).long()
            for name, given_mask in (("without a mask", None), ("with a mask", mask)):
                states = network(padded, attention_mask=given_mask).last_hidden_state
                for state, reference in zip(states, alone[start:], strict=False):
                    worst[name].append(errors(state[: len(reference)], reference))
    return {
        f"wav2vec2-base, usual padded batch {name}": (max(r for r, _ in e), max(a for _, a in e))
        for name, e in worst.items()
    }


def other_threads() -> dict[str, Errors]:
    """wav2vec2-base on one thread against two, the same single clips."""
    backbone: Any = wav2vec2.load(CPU, checkpoint="random")
    many = windows(backbone, 6)
    with CPU.running():
        two = [backbone.encode([window])[0] for window in many]
        torch.set_num_threads(1)
        one = [backbone.encode([window])[0] for window in many]
        torch.set_num_threads(2)
    worst = [errors(a, b) for a, b in zip(one, two, strict=True)]
    return {
        "wav2vec2-base, one thread against two": (
            max(r for r, _ in worst),
            max(a for _, a in worst),
        )
    }


if __name__ == "__main__":
    main()
