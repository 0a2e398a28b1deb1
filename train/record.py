"""The files of a run as bytes: what was trained on what, and what came out."""

import csv
import io
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from features.files import canonical_json
from features.manifest import Split
from features.specs import HeadSpec
from features.store.reader import Store
from train.fit import Fitted
from train.scoring import Parts, Predictions, class_pairs


def run_record(
    spec: HeadSpec,
    facts: Mapping[str, Mapping[str, Any]],
    parts: Parts,
    stores: Mapping[str, Store],
    fitted: Sequence[Fitted],
) -> bytes:
    """What was trained on what: the spec, the stores, the parts and the epochs chosen on dev."""
    described = {**asdict(spec), "tasks": {k: leaf.as_dict() for k, leaf in spec.tasks.items()}}
    for part in ("temporal", "pooling", "fusion"):
        described[part] = getattr(spec, part).as_dict()
    record = {
        "head": described,
        "facts": facts,
        "num_utterances": {split: len(part) for split, part in parts.items()},
        "num_parameters": sum(p.numel() for p in fitted[0].head.parameters()),
        "best_epochs": [one.best_epoch for one in fitted],
        "stores": {modality: _store_facts(store) for modality, store in stores.items()},
    }
    return json.dumps(record, indent=2).encode()


def prediction_lines(
    spec: HeadSpec, parts: Parts, predictions: Mapping[Split, Sequence[Predictions]]
) -> bytes:
    """One JSON object per split, seed and utterance, with the prediction of each task."""
    lines = []
    for split, by_seed in predictions.items():
        for seed, one in zip(spec.training.seeds, by_seed, strict=True):
            for place, label in enumerate(parts[split]):
                tasks = {task: one[task][place] for task in spec.tasks}
                line = {"id": label.id, "seed": seed, "split": split, **tasks}
                lines.append(canonical_json(line))
    return b"".join(lines)


def confusion_table(spec: HeadSpec, parts: Parts, predictions: Sequence[Predictions]) -> bytes:
    """Truth and prediction of every test utterance and seed, as `dvc plots` counts them."""
    return csv_table(
        [
            {"task": task, "actual": true, "predicted": guess}
            for task in spec.tasks
            for one in predictions
            for true, guess in class_pairs(spec, task, parts["test"], one)
        ]
    )


def csv_table(rows: Sequence[Mapping[str, Any]]) -> bytes:
    """Rows of the same columns as comma-separated values with a header."""
    text = io.StringIO()
    writer = csv.DictWriter(text, list(rows[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue().encode()


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
