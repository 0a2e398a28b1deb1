"""Trains a head on every fold with every seed, scores it once, and writes the run's folder."""

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save

from features.errors import ProjectError
from features.files import canonical_json
from features.kernels import exact_kernels, repeatable_training
from features.manifest import Label
from features.memory import lacks_memory
from features.progress import Progress
from features.runs.csv_files import csv_table
from features.runs.described import described
from features.runs.sealed import write_sealed
from features.runs.staleness import RUN_RECORD, sources, store_digests
from features.specs.heads import AnyHead, HeadSpec
from features.store.reader import Store
from train.folds.label_facts import folds_of
from train.loop.checkpoint import Checkpoints, run_key
from train.runs.figures import Ensembles, calibration_of, evaluation, metrics_of
from train.runs.fold_result import FoldResult
from train.runs.record import (
    confusion_table,
    prediction_lines,
    run_record,
    weights_name,
)
from train.runs.run_fold import RunSettings, max_epochs, run_fold
from train.scoring.measure import Measure, measures_of
from train.scoring.predictions import RunPredictions


def run_head(
    spec: AnyHead,
    labels: Sequence[Label],
    stores: Mapping[str, Store],
    folder: Path,
    work: Path | None = None,
    settings: RunSettings | None = None,
) -> dict[str, Any]:
    """Train, score and write ``runs/<head>``; returns what `metrics.json` holds.

    The folder is complete or absent: it is built beside its place and renamed. With a folder
    `work` for trainings in progress, an interrupted run resumes where it stopped.
    """
    folds = folds_of(spec, labels)
    settings = with_checkpoints(settings or RunSettings(), spec, labels, stores, work)
    total = len(folds) * (len(spec.seeds) + 1) * max_epochs(spec)
    with Progress(spec.name, total, "epochs") as progress, _memory_named(spec, settings.device):
        results = [
            run_fold(spec, number, splits, facts, stores, settings, progress)
            for number, (splits, facts) in enumerate(folds)
        ]
    for store in stores.values():
        store.refuse_replaced()
    measures = measures_of(spec, folds[0][1])
    content, metrics = _content(spec, measures, results)
    made_from = sources(labels, store_digests(stores), settings.first)
    record = run_record(spec, measures, results, stores, made_from, settings.extraction)
    write_sealed(folder, RUN_RECORD, record, content)
    settings.checkpoints.remove()
    return metrics


def with_checkpoints(
    settings: RunSettings,
    spec: AnyHead,
    labels: Sequence[Label],
    stores: Mapping[str, Store],
    work: Path | None,
) -> RunSettings:
    """Settings whose trainings are saved below `work`, and the device ready for them."""
    _prepare_device(spec, settings.device)
    decisive = [described(spec), settings.first, settings.device.type]
    checkpoints = Checkpoints(work, run_key(decisive, labels, stores))
    return replace(settings, checkpoints=checkpoints)


def _content(
    spec: AnyHead, measures: Sequence[Measure], results: Sequence[FoldResult]
) -> tuple[dict[str, bytes], dict[str, Any]]:
    """The files of a run by name, but its record, and its metrics."""
    dev = RunPredictions.of({r.splits.fold: (r.splits.dev, r.dev) for r in results})
    test = RunPredictions.of({r.splits.fold: (r.splits.test, r.test) for r in results})
    together = Ensembles.of(measures, dev, test)
    metrics = metrics_of(measures, dev, test, together, results)
    figures = evaluation(spec, measures, test, together, results)
    content = {
        "metrics.json": json.dumps(metrics, indent=2).encode(),
        "evaluation.json": json.dumps(figures, indent=2).encode(),
        "calibration.json": canonical_json(calibration_of(measures, together)),
        "predictions.jsonl": prediction_lines(spec.seeds, measures, {"dev": dev, "test": test}),
        "confusion.csv": confusion_table(measures, test),
        "curves.csv": csv_table(_curves(results)),
    }
    return {**content, **_weights(results, spec.seeds)}, metrics


def _prepare_device(spec: AnyHead, device: torch.device) -> None:
    """Set exact and repeatable kernels for the process."""
    number_format = spec.training.precision if isinstance(spec, HeadSpec) else "float32"
    if number_format == "tf32" and device.type != "cuda":
        raise ProjectError(
            f"{spec.where}.training.precision is 'tf32', which needs a GPU, and this runs on "
            f"{device}; give --device cuda where there is one, or precision: float32"
        )
    exact_kernels(device, number_format)
    repeatable_training(device)


@contextmanager
def _memory_named(spec: AnyHead, device: torch.device) -> Iterator[None]:
    """Say in one line that a batch does not fit into the memory of a device."""
    try:
        yield
    except Exception as error:
        if not lacks_memory(error):
            raise
    else:
        return
    raise ProjectError(
        f"{spec.where}: a batch does not fit into the memory of {device}; lower "
        "training.batch_size (and raise training.accumulate by as much), set bins for long tracks, "
        "or give --device cpu. Finished trainings are kept."
    )


def _curves(results: Sequence[FoldResult]) -> list[dict[str, Any]]:
    return [
        {"fold": result.splits.fold, **epoch}
        for result in results
        for one in result.fitted
        for epoch in one.epochs
    ]


def _weights(results: Sequence[FoldResult], seeds: Sequence[int]) -> dict[str, bytes]:
    return {
        f"weights/{weights_name(number, len(results), seed)}": save(one.state())
        for number, result in enumerate(results)
        for seed, one in zip(seeds, result.fitted, strict=True)
    }
