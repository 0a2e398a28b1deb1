"""Trains every seed of a head, scores dev and test once, and writes the run's folder."""

import csv
import io
import json
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from safetensors.torch import save_file

from features.errors import ProjectError
from features.files import canonical_json, write_atomic
from features.leaves import load_leaf
from features.manifest import Label, Split
from features.progress import progress
from features.specs import HeadSpec
from features.store.reader import Store
from train.dataset import load_dataset
from train.fit import Epoch, Fitted, Part, dev_scores, fit, predict
from train.metrics import Scores, majority_scores, over_seeds
from train.protocol import official

SCORED: tuple[Split, ...] = ("dev", "test")
# Per split and seed, per task one prediction for each utterance of the split.
Predictions = dict[Split, list[dict[str, list[dict[str, Any]]]]]


@dataclass(frozen=True)
class _Trained:
    fitted: list[Fitted]
    predictions: Predictions


def run_head(
    spec: HeadSpec, labels: Sequence[Label], stores: Mapping[str, Store], folder: Path
) -> dict[str, Any]:
    """Train, score and write ``runs/<head>``; returns what `metrics.json` holds.

    The folder is complete or absent: it is built beside its place and renamed.
    """
    parts = official(labels)
    facts = task_facts(spec, parts["train"], parts["dev"])
    trained = _train_seeds(spec, facts, parts, stores)
    metrics = _metrics(spec, parts, trained.predictions)
    draft = folder.with_name(f".{folder.name}.tmp")
    shutil.rmtree(draft, ignore_errors=True)
    draft.mkdir(parents=True)
    write_atomic(draft / "metrics.json", json.dumps(metrics, indent=2).encode())
    write_atomic(draft / "run.json", _record(spec, facts, parts, stores, trained))
    write_atomic(draft / "predictions.jsonl", _prediction_lines(spec, parts, trained.predictions))
    epochs = [epoch for fitted in trained.fitted for epoch in fitted.epochs]
    write_atomic(draft / "curves.csv", _table(epochs))
    write_atomic(draft / "confusion.csv", _confusion(spec, parts, trained))
    (draft / "weights").mkdir()
    for seed, fitted in zip(spec.training.seeds, trained.fitted, strict=True):
        save_file(fitted.head.state_dict(), draft / "weights" / f"seed-{seed}.safetensors")
    shutil.rmtree(folder, ignore_errors=True)
    draft.rename(folder)
    return metrics


def task_facts(
    spec: HeadSpec, train: Sequence[Label], dev: Sequence[Label]
) -> dict[str, dict[str, Any]]:
    """What each task takes from the labels of train and dev, such as the names of classes."""
    facts = {}
    for name, leaf in spec.tasks.items():
        task = load_leaf("train/tasks", leaf.code)
        if all(task.truth(label) is None for label in train):
            raise ProjectError(
                f"params.yaml: heads.{spec.name}.tasks names {name!r}, and no training utterance "
                f"of {spec.corpus!r} has that label; remove the task or choose another corpus"
            )
        facts[name] = task.facts(train, dev)
    return facts


def _train_seeds(
    spec: HeadSpec,
    facts: dict[str, dict[str, Any]],
    parts: Mapping[Split, Sequence[Label]],
    stores: Mapping[str, Store],
) -> _Trained:
    data = {
        split: Part(load_dataset(stores, [label.id for label in part]), part)
        for split, part in parts.items()
    }
    predictions: Predictions = {split: [] for split in SCORED}
    fitted = []
    seeds = progress(spec.training.seeds, spec.name, len(spec.training.seeds), "seeds")
    for seed in seeds:
        result = fit(spec, facts, data["train"], data["dev"], seed, _log(spec))
        fitted.append(result)
        for split in SCORED:
            predictions[split].append(predict(result.head, data[split].dataset))
    return _Trained(fitted, predictions)


def _log(spec: HeadSpec) -> Any:
    chosen = f"{next(iter(spec.tasks))}_{spec.training.choose_by}"

    def log(epoch: Epoch) -> None:
        if int(epoch["epoch"]) % 10 == 0:
            print(
                f"{spec.name}: seed {epoch['seed']}, epoch {epoch['epoch']}, "
                f"train loss {epoch['train_loss']:.4f}, dev {chosen} {epoch[f'dev_{chosen}']:.4f}"
            )

    return log


def _metrics(
    spec: HeadSpec, parts: Mapping[Split, Sequence[Label]], predictions: Predictions
) -> dict[str, Any]:
    metrics: dict[str, Any] = {}
    for split in SCORED:
        scores = [dev_scores(spec, one, parts[split]) for one in predictions[split]]
        metrics[split] = {task: over_seeds([s[task] for s in scores]) for task in spec.tasks}
    metrics["baseline"] = {task: over_seeds([_baseline(spec, task, parts)]) for task in spec.tasks}
    return metrics


def _baseline(spec: HeadSpec, task: str, parts: Mapping[Split, Sequence[Label]]) -> Scores:
    truth = load_leaf("train/tasks", spec.tasks[task].code).truth
    train, test = ([t for t in map(truth, parts[s]) if t is not None] for s in ("train", "test"))
    return majority_scores(train, test)


def _record(
    spec: HeadSpec,
    facts: dict[str, dict[str, Any]],
    parts: Mapping[Split, Sequence[Label]],
    stores: Mapping[str, Store],
    trained: _Trained,
) -> bytes:
    """What was trained on what: the spec, the stores, the parts and the epochs chosen on dev."""
    described = {**asdict(spec), "tasks": {k: leaf.as_dict() for k, leaf in spec.tasks.items()}}
    for part in ("temporal", "pooling", "fusion"):
        described[part] = getattr(spec, part).as_dict()
    record = {
        "head": described,
        "facts": facts,
        "num_utterances": {split: len(part) for split, part in parts.items()},
        "num_parameters": sum(p.numel() for p in trained.fitted[0].head.parameters()),
        "best_epochs": [fitted.best_epoch for fitted in trained.fitted],
        "stores": {modality: _store_facts(store) for modality, store in stores.items()},
    }
    return json.dumps(record, indent=2).encode()


def _store_facts(store: Store) -> dict[str, Any]:
    missing = [reason for reason in store.reasons if reason != "ok"]
    return {
        "recipe": store.attributes["recipe"],
        "backbone": store.attributes["backbone"],
        "layers": store.attributes["layers"],
        "dim": store.dim,
        "rate_hz": store.attributes["rate_hz"],
        "missing": {reason: missing.count(reason) for reason in sorted(set(missing))},
    }


def _prediction_lines(
    spec: HeadSpec, parts: Mapping[Split, Sequence[Label]], predictions: Predictions
) -> bytes:
    lines = []
    for split in SCORED:
        for seed, one in zip(spec.training.seeds, predictions[split], strict=True):
            for place, label in enumerate(parts[split]):
                tasks = {task: one[task][place] for task in spec.tasks}
                lines.append(
                    canonical_json({"id": label.id, "seed": seed, "split": split, **tasks})
                )
    return b"".join(lines)


def _confusion(spec: HeadSpec, parts: Mapping[Split, Sequence[Label]], trained: _Trained) -> bytes:
    """Truth and prediction of every test utterance and seed, as `dvc plots` counts them."""
    rows = []
    for task, leaf in spec.tasks.items():
        truth = load_leaf("train/tasks", leaf.code).truth
        for one in trained.predictions["test"]:
            for label, prediction in zip(parts["test"], one[task], strict=True):
                if truth(label) is not None:
                    guess = prediction["predicted"]
                    rows.append({"task": task, "actual": truth(label), "predicted": guess})
    return _table(rows)


def _table(rows: Sequence[Mapping[str, Any]]) -> bytes:
    text = io.StringIO()
    writer = csv.DictWriter(text, list(rows[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue().encode()
