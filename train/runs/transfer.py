"""Tests a trained head on another corpus, classes matched by their names."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from safetensors.torch import load_file

from features.errors import ProjectError
from features.files import write_folder
from features.manifest import Label
from features.specs.heads import AnyHead, HeadSpec, TransferSpec
from features.store.reader import Store
from train.data.dataset import Dataset, load_dataset
from train.loop.predict import build_head, predict
from train.loop.probe import restored_probe
from train.runs.label_mapping import Mapped, map_labels
from train.runs.record import (
    confusion_table,
    described,
    described_measure,
    prediction_lines,
    weights_name,
)
from train.scoring.class_measure import ClassMeasure
from train.scoring.measure import Facts, Measure, Numbers, measures_of
from train.scoring.metrics import scores
from train.scoring.predictions import Answers, Predictions
from train.scoring.significance import clusters
from train.scoring.summaries import by_class, summary


def run_transfer(
    spec: TransferSpec,
    head: AnyHead,
    run: Path,
    labels: Sequence[Label],
    stores: Mapping[str, Store],
    folder: Path,
) -> dict[str, Any]:
    """Predict the other corpus with every trained head of a run, and write ``runs/<transfer>``.

    All utterances are tested whose class the head knows; it chooses among the classes that both
    corpora have. A run with several folds has a head for each: every one counts like a seed.
    """
    record = _record(spec, head, run)
    _check_stores(spec, record["stores"], stores)
    facts = next(iter(record["facts"].values()))
    measures = measures_of(head, facts)
    mapped = map_labels(spec, measures, labels)
    # Utterances whose class the head does not know are context all the same.
    dataset = load_dataset(stores, labels)
    places = {name: row for row, name in enumerate(dataset.ids)}
    rows = [places[label.id] for label in mapped.labels]
    replicas = [
        {name: values[rows] for name, values in one.items()}
        for one in _predictions(head, record, run, dataset)
    ]
    kept = [_shared(measure, mapped.used) for measure in measures]
    told = [
        {m.name: _among(old, m, one[m.name]) for old, m in zip(measures, kept, strict=True)}
        for one in replicas
    ]
    test = Answers.of({spec.corpus: (mapped.labels, told)})
    metrics = {"test": summary(kept, test), "majority": _majority(kept, facts, mapped.labels)}
    content = {
        "metrics.json": json.dumps(metrics, indent=2).encode(),
        "transfer.json": json.dumps(_about(spec, head, mapped, kept, test), indent=2).encode(),
        "predictions.jsonl": prediction_lines(range(len(replicas)), kept, {"test": test}),
        "confusion.csv": confusion_table(kept, test),
    }
    write_folder(folder, content)
    return metrics


def _record(spec: TransferSpec, head: AnyHead, run: Path) -> dict[str, Any]:
    """What the run of the head says of itself; ProjectError where it is missing or another."""
    again = f"run 'dvc repro train@{spec.head}'"
    try:
        record: dict[str, Any] = json.loads((run / "run.json").read_text())
    except FileNotFoundError:
        raise ProjectError(f"{run / 'run.json'} does not exist; {again}") from None
    if record["head"] != json.loads(json.dumps(described(head))):
        raise ProjectError(
            f"transfers.{spec.name}: the head {spec.head!r} was trained with other settings than "
            f"those in params.yaml; {again}"
        )
    return record


def _majority(
    measures: Sequence[Measure], facts: Facts, labels: Sequence[Label]
) -> dict[str, dict[str, float]]:
    """The figures of the class (or mean) that the head has seen most, among those shared."""
    found = {}
    for measure in measures:
        known = facts[measure.task]
        if not isinstance(measure, ClassMeasure):
            guess = np.full(len(labels), known[measure.name]["mean"])
        else:
            counts = dict(zip(known["classes"], known["counts"], strict=True))
            best = max(measure.classes, key=lambda name: counts[name])
            guess = np.tile([float(name == best) for name in measure.classes], (len(labels), 1))
        found[measure.name] = scores(measure, measure.truth(labels), guess)
    return found


def _about(
    spec: TransferSpec,
    head: AnyHead,
    mapped: Mapped,
    measures: Sequence[Measure],
    test: Answers,
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
    """The least and the greatest number that occurs: scales differ from corpus to corpus."""
    return [float(np.nanmin(truth)), float(np.nanmax(truth))]


def _check_stores(
    spec: TransferSpec, trained: Mapping[str, Any], stores: Mapping[str, Store]
) -> None:
    for modality, store in stores.items():
        if store.attributes["recipe"] != trained[modality]["recipe"]:
            raise ProjectError(
                f"transfers.{spec.name}: {store.path} was made by another recipe than the "
                f"{modality} tracks that the head {spec.head!r} was trained on; run 'dvc repro'"
            )


def _predictions(
    head: AnyHead, record: Mapping[str, Any], run: Path, dataset: Dataset
) -> list[Predictions]:
    """What each trained head of the run makes of a dataset, fold after fold."""
    found: list[Predictions] = []
    for number, facts in enumerate(record["facts"].values()):
        for seed in head.seeds:
            weights = run / "weights" / weights_name(number, len(record["facts"]), seed)
            state = load_file(weights)
            if isinstance(head, HeadSpec):
                network = build_head(head, facts, dataset)
                network.load_state_dict(state)
                found.append(predict(network, dataset))
            else:
                found.append(dict(restored_probe(head, facts, state).predict(dataset)))
    return found


def _shared(measure: Measure, used: Mapping[str, Mapping[str, str]]) -> Measure:
    """The measure with those classes alone that the other corpus has."""
    if not isinstance(measure, ClassMeasure):
        return measure
    names = set(used[measure.name].values())
    return replace(measure, classes=tuple(name for name in measure.classes if name in names))


def _among(measure: Measure, shared: Measure, predicted: Numbers) -> Numbers:
    """Probabilities among the shared classes, their sum 1."""
    if not isinstance(measure, ClassMeasure) or shared.classes is None:
        return predicted
    columns = [measure.classes.index(name) for name in shared.classes]
    chosen = predicted[:, columns] + 1e-12
    return np.asarray(chosen / chosen.sum(axis=1, keepdims=True))
