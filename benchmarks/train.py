"""Training heads on cached tracks: an epoch of ours, of pure compute, of the usual loader.

Attention pooling of width 128 on made-up tracks, 768 wide, as long as MELD's training transcripts
are in tokens (a log-normal distribution where they are not available), batches of 32. Rounds take
turns in one process; the first is dropped, figures are medians of ratios within a round.

    python benchmarks/train.py [--json PATH] [--rounds 5] [--utterances 4000] [--device cpu]

- `epoch_over_pure`: forward, backward, clipping, step and the evaluation on the dev set on the same
  batches, ready in memory, over a full epoch of ours, which also gathers, pads and scores.
- `over_dataloader`: an epoch of torch's DataLoader (random batches, every track a tensor, padded
  by `pad_sequence`) over ours, without workers; `over_dataloader_workers` with two of them. Both
  have our head and its dropout, and sum to the same loss under the same weights (`loss_gap`).
- `over_usual`: as `over_dataloader`, with torch's own dropout as well, as tools have it.
- `seeds_together`: a run of five seeds over a run of one, of three epochs each: reading, training,
  the shuffled-label control, which every run has once, predictions and figures.
- `cached_over_recompute`: an epoch that runs a frozen network of BERT's size on the tokens of every
  batch (random weights) over an epoch of ours, per utterance.
"""

import json
import statistics
import sys
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import click
import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from app.devices import chosen_device
from benchmarks.worlds.training import (
    BATCH,
    CLASSES,
    Usual,
    collate,
    head_spec,
    lengths_of,
    random_split,
    random_store,
)
from benchmarks.worlds.turns import in_turns, ratio
from features.kernels import exact_kernels
from train.data.batches import bucketed
from train.data.dialogues import single_utterances
from train.data.masking import Padded, Steps
from train.loop.batch_loss import batch_loss
from train.loop.predict import evaluation_batches, gathered
from train.loop.training_loop import TrainingLoop
from train.model.dropout import Dropout
from train.runs.run_head import run_head

RECOMPUTED = 128


class Bench:
    """One head, and the ways to take it through an epoch."""

    def __init__(self, utterances: int, device: torch.device) -> None:
        lengths = lengths_of(utterances + utterances // 9)
        self.train, self.dev = (
            random_split(lengths[:utterances], "t"),
            random_split(lengths[utterances:], "d"),
        )
        facts = {"emotion": {"classes": [f"e{n}" for n in range(CLASSES)], "counts": [1] * CLASSES}}
        self.device = device
        self.loop = TrainingLoop(head_spec(), facts, self.train, self.dev, 0, None, None, device)
        items = Usual(self.train)
        self.loader, self.working = (
            DataLoader(
                items, BATCH, shuffle=True, collate_fn=collate, num_workers=n,
                persistent_workers=n > 0,
            )
            for n in (0, 2)
        )  # fmt: skip
        shuffle = torch.Generator().manual_seed(0)
        rows_of_epoch = bucketed(self.loop.costs, BATCH, shuffle, self.loop.sorted_batches)
        head = self.loop.head
        self.ready = [
            (gathered(self.train.dataset, rows, device, head), rows) for rows in rows_of_epoch
        ]
        dev_order = evaluation_batches(self.dev.dataset, whole=False)
        self.dev_ready = [gathered(self.dev.dataset, rows, device, head) for rows in dev_order]

    def step(self, batch: Mapping[str, Steps], rows: Tensor) -> None:
        """Forward, backward, clipping and step."""
        loop = self.loop
        loop.optimiser.zero_grad()
        self.loss(batch, rows).backward()
        torch.nn.utils.clip_grad_norm_(loop.head.parameters(), 1.0)
        loop.optimiser.step()

    def loss(self, batch: Mapping[str, Steps], rows: Tensor) -> Tensor:
        """The loss of a batch."""
        targets = {name: values[rows] for name, values in self.loop.targets.items()}
        turns = single_utterances(len(rows), self.device)
        return batch_loss(self.loop.head, self.loop.training, batch, turns, targets, None)

    def look(self) -> None:
        """Forward over the dev set."""
        self.loop.head.eval()
        with torch.inference_mode():
            for batch in self.dev_ready:
                self.loop.head(batch)

    def pure(self) -> None:
        """An epoch of batches that are ready."""
        self.loop.head.train()
        for batch, rows in self.ready:
            self.step(batch, rows)
        self.look()

    def usual(self, loader: Any) -> None:
        """An epoch of the usual loader."""
        self.loop.head.train()
        for batch, rows in loader:
            self.step(self.moved(batch), rows)
        self.look()

    def all_usual(self) -> None:
        """An epoch of the usual loader and torch's own dropout."""
        own = Dropout.forward
        Dropout.forward = nn.Dropout.forward  # type: ignore[method-assign]
        try:
            self.usual(self.loader)
        finally:
            Dropout.forward = own  # type: ignore[method-assign]

    def moved(self, batch: dict[str, Padded]) -> dict[str, Padded]:
        """A batch on the device."""
        return {
            name: Padded(track.values.to(self.device), track.mask.to(self.device))
            for name, track in batch.items()
        }

    def loss_gap(self) -> float:
        """The relative difference of the usual loader's summed loss from ours."""
        self.loop.head.eval()
        with torch.no_grad():
            ours = sum(float(self.loss(b, rows)) * len(rows) for b, rows in self.ready)
            usual = sum(
                float(self.loss(self.moved(b), rows)) * len(rows) for b, rows in self.loader
            )
        return abs(ours - usual) / ours


def recomputing(bench: Bench) -> Callable[[], None]:
    """An epoch over some utterances whose tracks a frozen network makes every time."""
    from transformers import BertConfig, BertModel

    network = BertModel(BertConfig(), add_pooling_layer=False).eval().to(bench.device)
    lengths = bench.train.dataset.tracks["text"].lengths[:RECOMPUTED]
    random = torch.Generator().manual_seed(0)
    batches = torch.randperm(len(lengths), generator=random).split(BATCH)

    def run() -> None:
        bench.loop.head.train()
        for rows in batches:
            mask = (torch.arange(int(lengths[rows].max())) < lengths[rows][:, None]).to(
                bench.device
            )
            ids = torch.randint(1000, 30_000, mask.shape).to(bench.device)
            with torch.inference_mode():
                states = network(input_ids=ids, attention_mask=mask.long()).last_hidden_state
            bench.step({"text": Padded(states[:, :, None].clone(), mask)}, rows)

    return run


class Runs:
    """Whole runs of some seeds, on a store in a temporary folder."""

    def __init__(self, bench: Bench, folder: Path) -> None:
        self.labels, self.store = random_store(folder, bench.train, bench.dev)
        self.folder = folder

    def __call__(self, num_seeds: int) -> None:
        """Train, test and write one run."""
        spec = head_spec()
        training = replace(spec.training, seeds=list(range(num_seeds)), epochs=3)
        run = self.folder / "run"
        run_head(replace(spec, training=training), self.labels, {"text": self.store}, run)


@click.command()
@click.option("--json", "json_path", type=click.Path(path_type=Path), help="Write figures here.")
@click.option("--rounds", default=5, show_default=True)
@click.option("--utterances", default=4000, show_default=True)
@click.option("--device", default="cpu", show_default=True)
def main(json_path: Path | None, rounds: int, utterances: int, device: str) -> None:
    """Print the ratios."""
    torch.set_num_threads(2)
    place = chosen_device(device)
    exact_kernels(place)
    bench = Bench(utterances, place)
    recompute = recomputing(bench)
    gap = bench.loss_gap()
    with tempfile.TemporaryDirectory() as folder:
        runs = Runs(bench, Path(folder))
        together = in_turns({"five": lambda: runs(5), "one": lambda: runs(1)}, 3, place)
    works: dict[str, Callable[[], None]] = {
        "epoch": bench.loop.run_epoch,
        "pure": bench.pure,
        "usual": lambda: bench.usual(bench.loader),
        "working": lambda: bench.usual(bench.working),
        "with torch's dropout": bench.all_usual,
        "recompute": recompute,
    }
    kept = in_turns(works, rounds, place)
    scale = utterances / min(utterances, RECOMPUTED)
    figures = {
        "epoch_over_pure": ratio(kept, "pure", "epoch"),
        "over_dataloader": ratio(kept, "usual", "epoch"),
        "over_usual": ratio(kept, "with torch's dropout", "epoch"),
        "over_dataloader_workers": ratio(kept, "working", "epoch"),
        "seeds_together": ratio(together, "five", "one"),
        "cached_over_recompute": scale * ratio(kept, "recompute", "epoch"),
        "loss_gap": gap,
        "epoch_s": statistics.median(kept["epoch"]),
        "utterances": utterances,
        "device": torch.cuda.get_device_name(place) if place.type == "cuda" else "cpu",
        "torch": torch.__version__,
    }
    for name, value in figures.items():
        click.echo(f"{name:<24}{value if isinstance(value, str) else f'{value:.4g}':>16}")
    if json_path:
        json_path.write_text(json.dumps(figures, indent=2) + "\n")


if __name__ == "__main__":
    main()
