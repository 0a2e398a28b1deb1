"""Reads the folders in runs/ for the report and the table of results."""

import csv
import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from app.results.formats import limits, spread
from features.errors import ProjectError
from features.params.load import Params
from features.specs.heads import AnyHead, TransferSpec, shown_metric

MAIN = "main"


@dataclass(frozen=True)
class Transfer:
    """One transfer: its spec and the files that the stage `transfer` wrote."""

    spec: TransferSpec
    metrics: dict[str, Any]
    about: dict[str, Any]

    def figure(self, measure: str, metric: str) -> str:
        """Mean and standard deviation over the heads that were tested."""
        return spread(metric, self.metrics["test"][measure][metric])

    def limits(self, measure: str, metric: str) -> str:
        """The confidence interval of a figure."""
        return limits(metric, self.metrics["test"][measure][metric])


@dataclass(frozen=True)
class Run:
    """One trained head: its spec and the files that the stage `train` wrote."""

    spec: AnyHead
    folder: Path
    metrics: dict[str, Any]
    evaluation: dict[str, Any]
    record: dict[str, Any]
    curves: list[dict[str, str]]
    confusions: list[dict[str, str]]

    @property
    def measures(self) -> dict[str, list[str] | None]:
        """What it predicts, with the classes of each measure; None for numbers."""
        return {name: about["classes"] for name, about in self.record["measures"].items()}

    def kind(self, measure: str) -> str:
        """``classes``, ``numbers`` or ``pairs``."""
        return str(self.record["measures"][measure]["kind"])

    def figure(self, split: str, measure: str, metric: str) -> str:
        """Mean and standard deviation over seeds, such as ``61.2 ± 0.4``."""
        return spread(metric, self.metrics[split][measure][metric])

    def limits(self, measure: str, metric: str) -> str:
        """The confidence interval of a test figure, such as ``59.8 to 62.4``."""
        return limits(metric, self.metrics["test"][measure][metric])

    def shown_metric(self, measure: str) -> str:
        """The metric shown of a measure: the one the head is selected by, or the usual one."""
        return shown_metric(self.kind(measure), self.spec.choose_by)

    def inputs(self) -> str:
        """The backbones the head reads, such as ``minilm + log-mel``."""
        return " + ".join(self.spec.used_inputs.values())

    def random_inputs(self) -> list[str]:
        """The backbones whose weights are random: their results say nothing of the network."""
        return [
            self.spec.inputs[modality]
            for modality, store in self.record["stores"].items()
            if {"random", "tiny"}
            & {store["backbone"].get("weights"), store["backbone"].get("checkpoint")}
        ]

    def confusion(self, measure: str) -> tuple[list[list[int]], list[str]]:
        """Counts over all seeds of the test set, a row per true class; and the classes."""
        classes = self.measures[measure] or []
        pairs = [
            (row["actual"], row["predicted"])
            for row in self.confusions
            if row["measure"] == measure
        ]
        counts: Mapping[tuple[str, str], int] = Counter(pairs)
        rows = [[counts.get((true, guess), 0) for guess in classes] for true in classes]
        return rows, classes


def load_runs(params: Params, folder: Path) -> list[Run]:
    """The run of every head in params.yaml, `main` first; ProjectError if one is missing."""
    order = sorted(params.heads.values(), key=lambda spec: (spec.name != MAIN, spec.name))
    return [load_run(spec, folder) for spec in order]


def load_transfers(params: Params, folder: Path) -> list[Transfer]:
    """Every transfer in params.yaml; ProjectError if one is missing."""
    return [
        Transfer(
            spec,
            _json(folder / name / "metrics.json", f"transfer@{name}"),
            _json(folder / name / "transfer.json", f"transfer@{name}"),
        )
        for name, spec in params.transfers.items()
    ]


def load_run(spec: AnyHead, runs: Path) -> Run:
    """The run of one head; ProjectError if it is missing."""
    stage = "continue" if spec.start else "train"
    folder, stage = runs / spec.name, f"{stage}@{spec.name}"
    return Run(
        spec,
        folder,
        _json(folder / "metrics.json", stage),
        _json(folder / "evaluation.json", stage),
        _json(folder / "run.json", stage),
        _rows(folder / "curves.csv"),
        _rows(folder / "confusion.csv"),
    )


def _json(path: Path, stage: str) -> Any:
    try:
        return json.loads(path.read_text())
    except FileNotFoundError:
        raise ProjectError(f"{path} does not exist; 'dvc repro {stage}' makes it") from None


def _rows(path: Path) -> list[dict[str, str]]:
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))
