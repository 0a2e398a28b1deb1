"""The files of a run: what was trained on what, and what came out."""

import csv
import io
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from features.errors import ProjectError
from features.files import canonical_json
from features.specs.heads import AnyHead
from features.specs.tracks import LeafSpec
from features.store.reader import Store
from train.runs.fold_result import FoldResult
from train.scoring.class_measure import ClassMeasure
from train.scoring.measure import UNKNOWN, Measure
from train.scoring.predictions import RunPredictions


def run_record(
    spec: AnyHead,
    measures: Sequence[Measure],
    results: Sequence[FoldResult],
    stores: Mapping[str, Store],
) -> bytes:
    """What was trained on what: the spec, stores and folds, and what was selected on dev."""
    first = results[0]
    record = {
        "head": described(spec),
        "facts": {result.splits.fold: result.facts for result in results},
        "measures": {m.name: described_measure(m) for m in measures},
        "folds": {result.splits.fold: _fold_facts(result) for result in results},
        "num_parameters": first.fitted[0].num_parameters,
        "stores": {modality: _store_facts(store) for modality, store in stores.items()},
    }
    return json.dumps(record, indent=2).encode()


def read_record(run: Path, head: AnyHead, where: str) -> dict[str, Any]:
    """The record of a finished run of `head`; `where` begins the message of a ProjectError.

    Raises ProjectError where there is none, or where the head had other settings.
    """
    again = f"run 'dvc repro {'continue' if head.start else 'train'}@{head.name}'"
    try:
        record: dict[str, Any] = json.loads((run / "run.json").read_text())
    except FileNotFoundError:
        raise ProjectError(f"{run / 'run.json'} does not exist; {again}") from None
    if record["head"] != json.loads(json.dumps(described(head))):
        raise ProjectError(
            f"{where}: the head {head.name!r} was trained with other settings than those in "
            f"params.yaml; {again}"
        )
    return record


def described_measure(measure: Measure) -> dict[str, Any]:
    """What a measure is, as plain JSON."""
    return {"task": measure.task, "kind": measure.kind, "classes": measure.classes}


def weights_name(fold: int, num_folds: int, seed: int) -> str:
    """The file in the run's folder ``weights`` that one fold (from 0) and seed left."""
    return f"{f'fold-{fold + 1}-' if num_folds > 1 else ''}seed-{seed}.safetensors"


def prediction_lines(
    seeds: Sequence[int], measures: Sequence[Measure], splits: Mapping[str, RunPredictions]
) -> bytes:
    """One JSON object per split, fold, seed and utterance, with the prediction of each measure."""
    lines = []
    for split, predictions in splits.items():
        for number, seed in enumerate(seeds):
            for row, label in enumerate(predictions.labels):
                line = {"id": label.id, "fold": predictions.folds[row], "seed": seed}
                by_measure = predictions.as_json(measures, number, row)
                lines.append(canonical_json({**line, "split": split, **by_measure}))
    return b"".join(lines)


def confusion_table(measures: Sequence[Measure], test: RunPredictions) -> bytes:
    """Truth and prediction of every test utterance and seed, as `dvc plots` counts them."""
    rows = []
    for measure in measures:
        if not isinstance(measure, ClassMeasure):
            continue
        truth = measure.truth(test.labels)
        for classes in test.predicted[measure.name].argmax(axis=-1):
            rows += [
                {
                    "measure": measure.name,
                    "actual": measure.classes[int(true)],
                    "predicted": measure.classes[int(guess)],
                }
                for true, guess in zip(truth, classes, strict=True)
                if true != UNKNOWN
            ]
    return csv_table(rows, ["measure", "actual", "predicted"])


def csv_table(rows: Sequence[Mapping[str, Any]], columns: Sequence[str] | None = None) -> bytes:
    """Rows of the same columns as comma-separated values with a header."""
    text = io.StringIO()
    writer = csv.DictWriter(text, list(columns or rows[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue().encode()


def described(spec: AnyHead) -> dict[str, Any]:
    """The spec as plain JSON, every leaf as it stands in params.yaml."""
    described = asdict(spec)
    for name, value in vars(spec).items():
        if isinstance(value, LeafSpec):
            described[name] = value.as_dict()
        elif name in ("tasks", "temporal", "objectives") or (
            name == "pooling" and isinstance(value, Mapping)
        ):
            described[name] = {key: leaf.as_dict() for key, leaf in value.items()}
    protocol = spec.protocol
    drawn = {"dev_share": protocol.dev_share, "dev_unit": protocol.dev_unit}
    described["protocol"] = {**protocol.leaf.as_dict(), **drawn}
    return described


def _fold_facts(result: FoldResult) -> dict[str, Any]:
    splits = result.splits
    return {
        "num_utterances": {split: len(splits[split]) for split in ("train", "dev", "test")},
        "dev_drawn": splits.dev_drawn,
        "shared_speakers": splits.shared_speakers,
        "num_unknown_speakers": splits.num_unknown_speakers,
        "chosen": [fitted.selected for fitted in result.fitted],
    }


def _store_facts(store: Store) -> dict[str, Any]:
    missing = [reason for reason in store.reasons if reason != "ok"]
    return {
        "recipe": store.attributes["recipe"],
        "backbone": store.attributes["backbone"],
        "layers": store.attributes["layers"],
        "dim": store.dim,
        "rate_hz": store.attributes["rate_hz"],
        "facts": {name: int(values.sum()) for name, values in store.facts.items()},
        "missing": {reason: missing.count(reason) for reason in sorted(set(missing))},
    }
