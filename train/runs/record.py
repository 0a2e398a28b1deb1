"""The files of a run as bytes: what was trained on what, and what came out."""

import csv
import io
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from features.files import canonical_json
from features.specs.heads import AnyHead
from features.specs.tracks import LeafSpec
from features.store.reader import Store
from train.runs.fold_result import FoldResult
from train.scoring.class_measure import ClassMeasure
from train.scoring.measure import UNKNOWN, Measure
from train.scoring.predictions import Answers


def run_record(
    spec: AnyHead,
    measures: Sequence[Measure],
    results: Sequence[FoldResult],
    stores: Mapping[str, Store],
) -> bytes:
    """What was trained on what: the spec, the stores, the folds and what was chosen on dev."""
    first = results[0]
    record = {
        "head": described(spec),
        "facts": {result.parts.fold: result.facts for result in results},
        "measures": {m.name: described_measure(m) for m in measures},
        "folds": {result.parts.fold: _fold_facts(result) for result in results},
        "num_parameters": first.fitted[0].num_parameters,
        "stores": {modality: _store_facts(store) for modality, store in stores.items()},
    }
    return json.dumps(record, indent=2).encode()


def described_measure(measure: Measure) -> dict[str, Any]:
    """What a measure is, as plain JSON."""
    return {"task": measure.task, "kind": measure.kind, "classes": measure.classes}


def weights_name(fold: int, num_folds: int, seed: int) -> str:
    """The file in the run's folder ``weights`` that one fold (from 0) and seed left."""
    return f"{f'fold-{fold + 1}-' if num_folds > 1 else ''}seed-{seed}.safetensors"


def prediction_lines(
    seeds: Sequence[int], measures: Sequence[Measure], parts: Mapping[str, Answers]
) -> bytes:
    """One JSON object per part, fold, seed and utterance, with the prediction of each measure."""
    lines = []
    for split, answers in parts.items():
        for number, seed in enumerate(seeds):
            for row, label in enumerate(answers.labels):
                line = {"id": label.id, "fold": answers.folds[row], "seed": seed, "split": split}
                lines.append(canonical_json({**line, **answers.told(measures, number, row)}))
    return b"".join(lines)


def confusion_table(measures: Sequence[Measure], test: Answers) -> bytes:
    """Truth and prediction of every test utterance and seed, as `dvc plots` counts them."""
    rows = []
    for measure in measures:
        if not isinstance(measure, ClassMeasure):
            continue
        truth = measure.truth(test.labels)
        for seed in test.predicted[measure.name].argmax(axis=-1):
            rows += [
                {
                    "measure": measure.name,
                    "actual": measure.classes[int(true)],
                    "predicted": measure.classes[int(guess)],
                }
                for true, guess in zip(truth, seed, strict=True)
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
    parts = result.parts
    return {
        "num_utterances": {split: len(parts[split]) for split in ("train", "dev", "test")},
        "dev_drawn": parts.drawn,
        "shared_speakers": parts.shared_speakers,
        "num_unknown_speakers": parts.num_unknown_speakers,
        "chosen": [one.chosen for one in result.fitted],
    }


def _store_facts(store: Store) -> dict[str, Any]:
    missing = [reason for reason in store.reasons if reason != "ok"]
    return {
        "recipe": store.attributes["recipe"],
        "backbone": store.attributes["backbone"],
        "layers": store.attributes["layers"],
        "dim": store.dim,
        "rate_hz": store.attributes["rate_hz"],
        "facts": {name: int(told.sum()) for name, told in store.facts.items()},
        "missing": {reason: missing.count(reason) for reason in sorted(set(missing))},
    }
