"""The first ten minutes on a new GPU: everything that is guaranteed on one, checked, with figures.

Each line has what was found, what is required, and whether it passes; the exit code is 1 where a
check fails. docs/how-to/gpu.md says what each line means.

    python benchmarks/gpu_check.py [--device cuda:0] [--json PATH] [--quick]

Networks have their published widths and random weights; nothing is downloaded. `--quick` takes
fewer networks, clips and layers, as does `--device cpu`, which shows that the script itself works.
"""

import json
import sys
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

if TYPE_CHECKING:
    import torch

    from benchmarks.worlds.gpu_checks import Finding

# Times realtime that is required of these GPUs; NVIDIA's own figure on an A100 is 1,823.
REALTIME = {"H100": 3000.0, "H200": 3000.0}
QUICK = ["bert", "wav2vec2-base", "wavlm-base", "emotion2vec-base"]


@click.command()
@click.option("--json", "json_path", type=click.Path(path_type=Path), help="Write findings here.")
@click.option("--device", default="cuda", show_default=True)
@click.option("--quick", is_flag=True, help="Fewer networks, clips and layers.")
def main(json_path: Path | None, device: str, quick: bool) -> None:
    """Print a table of findings; exit code 1 where one fails."""
    # Imported here: each decoding process imports this file, as it would cli.py.
    import torch

    from app.devices import chosen_device
    from benchmarks.worlds import gpu_checks as checks

    place = chosen_device(device)
    on_gpu = place.type == "cuda"
    name = torch.cuda.get_device_name(place) if on_gpu else "a CPU"
    cuda = f", CUDA {torch.version.cuda}" if on_gpu else ""
    click.echo(f"{name}, torch {torch.__version__}{cuda}")
    findings = []
    required = next((speed for kind, speed in REALTIME.items() if kind in name), None)
    for finding in findings_of(place, quick or not on_gpu, required):
        findings.append(finding)
        click.echo(checks.table_line(finding))
    if json_path:
        lines = [asdict(finding) for finding in findings]
        content = {"device": name, "torch": torch.__version__, "findings": lines}
        json_path.write_text(json.dumps(content, indent=2) + "\n")
    sys.exit(any(finding.right is False for finding in findings))


def findings_of(device: "torch.device", quick: bool, realtime: float | None) -> "Iterator[Finding]":
    """Every check, in order."""
    from benchmarks.worlds import gpu_checks as checks
    from features.kernels import NumberFormat
    from tests.every_architecture import TRUE

    on_gpu = device.type == "cuda"
    formats: list[NumberFormat] = ["float32", "tf32", "bfloat16"] if on_gpu else ["float32"]
    # Computing sets the kernels of the process, so the next format must not be set before.
    computes = (checks.computing(device, number_format) for number_format in formats)
    few = quick or not on_gpu
    # Four clips say nothing about speed.
    yield from checks.audio(computes, 4 if few else 3000, None if few else realtime)
    exact = checks.computing(device, "float32")
    yield checks.memory(exact, 2 if quick else 24, 60.0 if on_gpu else 2.0)
    for number_format in formats:
        compute = checks.computing(device, number_format)
        yield from checks.neighbours(compute, QUICK if quick else list(TRUE))
    large = checks.computing(device, formats[-1])
    layers, size = (1, "2B") if quick else (0, "7B")
    yield from checks.video_tokens(large, layers, size, rounds=1 if quick else 5)
    yield from checks.training(device, 350 if quick else 4000)


if __name__ == "__main__":
    main()
