"""Tests a trained head on another corpus, classes matched by their names."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from safetensors.torch import load_file

from features.errors import ProjectError
from features.manifest import Label
from features.runs.described import described_transfer
from features.runs.read import read_run
from features.runs.sealed import write_sealed
from features.runs.staleness import TRANSFER_RECORD, sources, store_digests
from features.specs.heads import AnyHead, TransferSpec
from features.store.reader import Store
from train.data.dataset import Dataset, load_dataset
from train.model.contracts import Networks
from train.model.head import NO_NETWORKS
from train.runs.label_mapping import MappedLabels, map_labels
from train.runs.record import (
    confusion_table,
    described_measure,
    prediction_lines,
    weights_name,
)
from train.runs.restored import restored, restored_predictions
from train.scoring.class_measure import ClassMeasure
from train.scoring.measure import Facts, Measure, Numbers, measures_of
from train.scoring.metrics import scores
from train.scoring.predictions import Predictions, RunPredictions
from train.scoring.significance import clusters
from train.scoring.summaries import by_class, summary


def run_transfer(
    spec: TransferSpec,
    head: AnyHead,
    run: Path,
    labels: Sequence[Label],
    stores: Mapping[str, Store],
    folder: Path,
    networks: Networks = NO_NETWORKS,
) -> dict[str, Any]:
    """Predict the other corpus with every trained head of a run, and write ``runs/<transfer>``.

    All utterances whose class the head can predict are tested; it chooses among the classes that
    both corpora have. A run with several folds has a head for each; all of them count like seeds.
    `networks` are, by modality, the frozen network's layers that temporal encoders are made of.
    """
    sealed = read_run(run, head)
    record = sealed.record
    _check_stores(spec, record["stores"], stores)
    facts = next(iter(record["facts"].values()))
    measures = [m for m in measures_of(head, facts) if m.kind != "votes"]
    mapped = map_labels(spec, measures, labels)
    # Utterances of other classes are still context.
    dataset = load_dataset(stores, labels)
    places = {name: row for row, name in enumerate(dataset.ids)}
    rows = [places[label.id] for label in mapped.labels]
    shared = [_shared(measure, mapped.used) for measure in measures]
    replicas = [
        {
            after.name: _among(before, after, predictions[after.name][rows])
            for before, after in zip(measures, shared, strict=True)
        }
        for predictions in _predictions(head, record, run, dataset, labels, networks)
    ]
    test = RunPredictions.of({spec.corpus: (mapped.labels, replicas)})
    metrics = {"test": summary(shared, test), "majority": _majority(shared, facts, mapped.labels)}
    about = {
        **_about(spec, head, mapped, shared, test),
        "settings": described_transfer(spec, head),
        "sources": dict(sources(labels, store_digests(stores), sealed.seal)),
    }
    content = {
        "metrics.json": json.dumps(metrics, indent=2).encode(),
        "predictions.jsonl": prediction_lines(range(len(replicas)), shared, {"test": test}),
        "confusion.csv": confusion_table(shared, test),
    }
    write_sealed(folder, TRANSFER_RECORD, about, content)
    return metrics


def _majority(
    measures: Sequence[Measure], facts: Facts, labels: Sequence[Label]
) -> dict[str, dict[str, float]]:
    """The figures of the majority class (or mean) of training, among the shared classes."""
    figures = {}
    for measure in measures:
        of_task = facts[measure.task]
        if not isinstance(measure, ClassMeasure):
            baseline = np.full(len(labels), of_task[measure.name]["mean"])
        else:
            counts = dict(zip(of_task["classes"], of_task["counts"], strict=True))
            best = max(measure.classes, key=lambda name: counts[name])
            baseline = np.tile([float(name == best) for name in measure.classes], (len(labels), 1))
        figures[measure.name] = scores(measure, measure.truth(labels), baseline)
    return figures


def _about(
    spec: TransferSpec,
    head: AnyHead,
    mapped: MappedLabels,
    measures: Sequence[Measure],
    test: RunPredictions,
) -> dict[str, Any]:
    unit, names = clusters(test.labels)
    numbers = [m for m in measures if m.kind == "numbers"]
    return {
        "transfer": {"head": spec.head, "corpus": spec.corpus, "trained_on": head.corpus},
        "num_utterances": len(mapped.labels),
        "num_replicas": len(next(iter(test.predicted.values()))),
        "measures": {m.name: described_measure(m) for m in measures},
        "used": mapped.used,
        "dropped": mapped.dropped,
        "ranges": {m.name: _range(m.truth(test.labels)) for m in numbers},
        "resampled": {"unit": unit, "count": len(set(names))},
        "classes": by_class(measures, test),
    }


def _range(truth: Numbers) -> list[float]:
    """The least and the greatest label: scales differ from corpus to corpus."""
    return [float(np.nanmin(truth)), float(np.nanmax(truth))]


def _check_stores(
    spec: TransferSpec, trained: Mapping[str, Any], stores: Mapping[str, Store]
) -> None:
    for modality, store in stores.items():
        if store.attributes["recipe"] != trained[modality]["recipe"]:
            raise ProjectError(
                f"transfers.{spec.name}: {store.path} was made with another recipe than the "
                f"{modality} tracks that the head {spec.head!r} was trained on; run 'dvc repro'"
            )


def _predictions(
    head: AnyHead,
    record: Mapping[str, Any],
    run: Path,
    dataset: Dataset,
    labels: Sequence[Label],
    networks: Networks,
) -> list[Predictions]:
    """The predictions of each trained head of the run, fold after fold."""
    shapes = {name: tracks.shape for name, tracks in dataset.tracks.items()}
    predictions: list[Predictions] = []
    for number, facts in enumerate(record["facts"].values()):
        for seed in head.seeds:
            weights = run / "weights" / weights_name(number, len(record["facts"]), seed)
            network = restored(head, shapes, facts, load_file(weights), networks)
            predictions.append(restored_predictions(head, network, dataset, labels))
    return predictions


def _shared(measure: Measure, used: Mapping[str, Mapping[str, str]]) -> Measure:
    """The measure with only those classes that the other corpus has."""
    if not isinstance(measure, ClassMeasure):
        return measure
    names = set(used[measure.name].values())
    return replace(measure, classes=tuple(name for name in measure.classes if name in names))


def _among(measure: Measure, shared: Measure, predicted: Numbers) -> Numbers:
    """Probabilities among the shared classes, their sum 1."""
    if not isinstance(measure, ClassMeasure) or shared.classes is None:
        return predicted
    columns = [measure.classes.index(name) for name in shared.classes]
    among = predicted[:, columns] + 1e-12
    return np.asarray(among / among.sum(axis=1, keepdims=True))
