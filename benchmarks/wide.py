"""The memory that wide tracks need: written, and trained on.

Synthetic states of a language model (5120 wide, 256 steps) of `--utterances` are extracted into
a store, and a head with attention pooling is trained on them for two epochs; each in a process of
its own, whose peak is measured. The control is the same with a tenth of the utterances.

    python benchmarks/wide.py [--json PATH] [--utterances 2000]

takes 5.2 GB of disk in the folder for temporary files, for a while.
"""

import json
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import click

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

DIM, NUM_STEPS = 5120, 256
STAGES = ("write", "train")


@click.command()
@click.option("--json", "json_path", type=click.Path(path_type=Path), help="Write figures here.")
@click.option("--utterances", default=2000, show_default=True)
@click.option("--stage", type=click.Choice(STAGES), hidden=True)
@click.option("--folder", type=click.Path(path_type=Path), hidden=True)
def main(json_path: Path | None, utterances: int, stage: str | None, folder: Path | None) -> None:
    """Print peaks and speeds of both stages."""
    if stage is not None and folder is not None:
        run_stage(stage, folder, utterances)
        return
    figures: dict[str, Any] = {}
    click.echo(f"{'stage':<8}{'utterances':>12}{'GB':>8}{'seconds':>10}{'peak MiB':>10}")
    for count in (utterances // 10, utterances):
        place = Path(tempfile.mkdtemp(prefix="wide-"))
        try:
            for name in STAGES:
                result = figures[f"{name} {count}"] = measured(name, place, count)
                gigabytes = count * NUM_STEPS * DIM * 2 / 1e9
                click.echo(
                    f"{name:<8}{count:>12}{gigabytes:>8.2f}{result['seconds']:>10.1f}"
                    f"{result['peak_mib']:>10}"
                )
        finally:
            shutil.rmtree(place)
    if json_path:
        json_path.write_text(json.dumps(figures, indent=2) + "\n")


def measured(stage: str, folder: Path, count: int) -> dict[str, Any]:
    """Run a stage in a process of its own."""
    command = [sys.executable, __file__, "--stage", stage, "--folder", str(folder)]
    command += ["--utterances", str(count)]
    begin = time.perf_counter()
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return {"seconds": time.perf_counter() - begin, "peak_mib": int(done.stdout.split()[-1])}


def run_stage(stage: str, folder: Path, count: int) -> None:
    """Write or train, then print the peak of this process in MiB."""
    write(folder, count) if stage == "write" else train(folder, count)
    print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024)


def write(folder: Path, count: int) -> None:
    """Extract made-up states of a language model, batch by batch."""
    import torch

    from benchmarks.worlds.synthetic import Synthetic
    from extract.fill.fill import fill_store
    from extract.network.compute import CPU
    from features.manifest import Utterance
    from features.specs.tracks import BackboneSpec, CorpusSpec, ExtractSpec, LeafSpec
    from features.store.pool import Pool

    torch.set_num_threads(2)
    parts = ExtractSpec(part_bytes=16_000_000)
    manifest = [Utterance(f"u{number}", text=str(number)) for number in range(count)]
    spec = BackboneSpec("synthetic", "text", LeafSpec("hf-text", {}))
    corpus = CorpusSpec("wide", folder, LeafSpec("demo", {}))
    loaded: list[Any] = [(spec, Synthetic(DIM, NUM_STEPS))]
    pool = Pool(folder / "pool")
    fill_store(loaded, CPU, folder / "store.zarr", manifest, corpus, parts, pool)


def train(folder: Path, count: int) -> None:
    """Train a head for two epochs, with a tenth of the utterances each as dev and test set."""
    from dataclasses import replace

    import torch

    from features.manifest import Label, Split
    from features.params.load import load_params
    from features.specs.heads import HeadSpec
    from features.store.reader import Store
    from train.runs.run_head import run_head

    torch.set_num_threads(2)
    root = Path(__file__).resolve().parents[1]
    spec = load_params(root / "recipes" / "demo.yaml").heads["text"]
    assert isinstance(spec, HeadSpec)
    training = replace(spec.training, seeds=[0], epochs=2)
    splits: tuple[Split, ...] = (*["train"] * 8, "dev", "test")  # type: ignore[arg-type]
    labels = [
        Label(f"u{number}", splits[number % 10], emotion=("joy", "anger")[number // 10 % 2])
        for number in range(count)
    ]
    stores = {"text": Store(folder / "store.zarr")}
    run_head(replace(spec, training=training), labels, stores, folder / "run")


if __name__ == "__main__":
    main()
