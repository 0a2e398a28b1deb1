"""Reads the folders in runs/ for the report and the table of results."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from app.inputs import sources_of
from app.paths import RUNS_PATH
from app.results.formats import limits, spread
from features.params.load import Params
from features.runs.csv_files import csv_rows
from features.runs.read import UnusableRunError, read_ensemble, read_run, read_transfer
from features.runs.staleness import ensemble_sources, run_seal
from features.specs.ensembles import EnsembleSpec
from features.specs.heads import AnyHead, TransferSpec, shown_metric

MAIN = "main"
RUN_FILES = ("metrics.json", "evaluation.json", "curves.csv", "confusion.csv", "predictions.jsonl")


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
class Ensemble:
    """Several heads put together: its spec and the files that the stage `ensemble` wrote."""

    spec: EnsembleSpec
    metrics: dict[str, Any]
    record: dict[str, Any]

    @property
    def measures(self) -> list[str]:
        """What it predicts."""
        return list(self.record["measures"])

    def kind(self, measure: str) -> str:
        """``classes``, ``numbers``, ``pairs`` or ``votes``."""
        return str(self.record["measures"][measure]["kind"])

    def figure(self, row: str, measure: str, metric: str) -> str:
        """The figure of the seeds (``test``, ``dev``), or of all of them (``ensemble``)."""
        return spread(metric, self.metrics[row][measure][metric])

    def limits(self, row: str, measure: str, metric: str) -> str:
        """The confidence interval of a test figure."""
        return limits(metric, self.metrics[row][measure][metric])

    def weights(self, measure: str) -> dict[str, float]:
        """The weight of each head, the mean over folds; empty where heads are stacked."""
        by_fold = list(self.record["weights"][measure].values())
        names = set.intersection(*(set(fold) for fold in by_fold))
        return {
            n: sum(fold[n] for fold in by_fold) / len(by_fold)
            for n in self.spec.heads
            if n in names
        }


@dataclass(frozen=True)
class Run:
    """One trained head: its spec and the files that the stage `train` wrote."""

    spec: AnyHead
    metrics: dict[str, Any]
    evaluation: dict[str, Any]
    record: dict[str, Any]
    curves: list[dict[str, str]]
    confusions: list[dict[str, str]]
    predictions: bytes

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

    def limits(self, measure: str, metric: str, row: str = "test") -> str:
        """The confidence interval of a test figure, such as ``59.8 to 62.4``."""
        return limits(metric, self.metrics[row][measure][metric])

    @property
    def num_seeds(self) -> int:
        """With how many seeds it was trained; with one there is no ensemble."""
        return len(self.spec.seeds)

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


@dataclass(frozen=True)
class Results:
    """The runs of params.yaml, `main` first, and why others have no figures.

    A line of `unusable` names a head, an ensemble or a transfer that is missing, damaged or stale.
    """

    runs: list[Run]
    ensembles: list[Ensemble]
    transfers: list[Transfer]
    unusable: list[str]


def load_results(params: Params, folder: Path = RUNS_PATH) -> Results:
    """What can be shown of every head, ensemble and transfer in params.yaml."""
    results = Results([], [], [], [])
    for head in sorted(params.heads.values(), key=lambda spec: (spec.name != MAIN, spec.name)):
        try:
            results.runs.append(load_run(head, folder))
        except UnusableRunError as error:
            results.unusable.append(str(error))
    for ensemble in params.ensembles.values():
        try:
            results.ensembles.append(_load_ensemble(params, ensemble, folder))
        except UnusableRunError as error:
            results.unusable.append(str(error))
    for transfer in params.transfers.values():
        try:
            results.transfers.append(_load_transfer(params, transfer, folder))
        except UnusableRunError as error:
            results.unusable.append(str(error))
    return results


def load_run(head: AnyHead, folder: Path = RUNS_PATH) -> Run:
    """The run of one head; UnusableRunError where it is missing, damaged or stale."""
    now = sources_of(head, head.corpus, folder / head.needs if head.needs else None)
    run = read_run(folder / head.name, head, now, RUN_FILES)
    curves, confusions = (csv_rows(run.contents[name]) for name in ("curves.csv", "confusion.csv"))
    figures = run.json("metrics.json"), run.json("evaluation.json")
    return Run(head, *figures, run.record, curves, confusions, run.contents["predictions.jsonl"])


def _load_ensemble(params: Params, spec: EnsembleSpec, folder: Path) -> Ensemble:
    heads = [params.heads[name] for name in spec.heads]
    for head in heads:
        first = folder / head.needs if head.needs else None
        try:
            read_run(folder / head.name, head, sources_of(head, head.corpus, first))
        except UnusableRunError as error:
            raise UnusableRunError(f"{folder / spec.name}: not shown, since {error}") from None
    now = ensemble_sources({name: run_seal(folder / name) for name in spec.heads})
    made = read_ensemble(folder / spec.name, spec, heads, now, ["metrics.json"])
    return Ensemble(spec, made.json("metrics.json"), made.record)


def _load_transfer(params: Params, spec: TransferSpec, folder: Path) -> Transfer:
    head = params.heads[spec.head]
    now = sources_of(head, spec.corpus, folder / spec.head)
    tested = read_transfer(folder / spec.name, spec, head, now, ["metrics.json"])
    return Transfer(spec, tested.json("metrics.json"), tested.record)
