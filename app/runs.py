"""What the folders in runs/ say, for the report and the table of results."""

import csv
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from features.errors import ProjectError
from features.specs import HeadSpec, Params
from train.metrics import confusion

METRICS = ("weighted_f1", "macro_f1", "unweighted_accuracy", "accuracy")
MAIN = "main"


@dataclass(frozen=True)
class Run:
    """One trained head: its spec and what `train` wrote about it."""

    spec: HeadSpec
    metrics: dict[str, Any]
    record: dict[str, Any]
    curves: list[dict[str, str]]
    confusions: list[dict[str, str]]

    def figure(self, split: str, task: str, metric: str) -> str:
        """Mean and deviation over seeds in per cent, such as ``61.2 ± 0.4``."""
        value = self.metrics[split][task][metric]
        mean = 100 * value["mean"]
        return (
            f"{mean:.1f}" if len(value["seeds"]) < 2 else f"{mean:.1f} ± {100 * value['std']:.1f}"
        )

    def inputs(self) -> str:
        """The backbones the head reads, such as ``minilm + log-mel``."""
        return " + ".join(self.spec.used_inputs.values())

    def random_inputs(self) -> list[str]:
        """The backbones whose weights are random: their figures say nothing of the network."""
        return [
            self.spec.inputs[modality]
            for modality, store in self.record["stores"].items()
            if {"random", "tiny"}
            & {store["backbone"].get("weights"), store["backbone"].get("checkpoint")}
        ]

    def confusion(self, task: str) -> tuple[list[list[int]], list[str]]:
        """Counts over all seeds of the test part, and the classes."""
        rows = [row for row in self.confusions if row["task"] == task]
        classes = sorted({*self.record["facts"][task]["classes"], *(r["actual"] for r in rows)})
        return confusion([(row["actual"], row["predicted"]) for row in rows], classes), classes


def load_runs(params: Params, folder: Path) -> list[Run]:
    """The run of every head in params.yaml, `main` first; ProjectError where one is missing."""
    order = sorted(params.heads.values(), key=lambda spec: (spec.name != MAIN, spec.name))
    return [_load(spec, folder / spec.name) for spec in order]


def _load(spec: HeadSpec, folder: Path) -> Run:
    try:
        metrics = json.loads((folder / "metrics.json").read_text())
        record = json.loads((folder / "run.json").read_text())
    except FileNotFoundError as error:
        raise ProjectError(
            f"{error.filename} does not exist; 'dvc repro train@{spec.name}' makes it"
        ) from None
    return Run(spec, metrics, record, _rows(folder / "curves.csv"), _rows(folder / "confusion.csv"))


def _rows(path: Path) -> list[dict[str, str]]:
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))
