"""Trains every seed of a head, scores dev and test once, and writes the run's folder."""

import json
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from safetensors.torch import save_file

from features.errors import ProjectError
from features.files import write_atomic
from features.leaves import load_leaf
from features.manifest import Label, Split
from features.progress import Progress
from features.specs import HeadSpec
from features.store.reader import Store
from train.dataset import load_dataset
from train.fit import Epoch, Fitted, Part, fit, predict
from train.metrics import over_seeds
from train.protocol import official
from train.record import confusion_table, csv_table, prediction_lines, run_record
from train.scoring import Parts, Predictions, baseline_scores, part_scores

SCORED: tuple[Split, ...] = ("dev", "test")


def run_head(
    spec: HeadSpec, labels: Sequence[Label], stores: Mapping[str, Store], folder: Path
) -> dict[str, Any]:
    """Train, score and write ``runs/<head>``; returns what `metrics.json` holds.

    The folder is complete or absent: it is built beside its place and renamed.
    """
    parts = official(labels)
    facts = task_facts(spec, parts)
    fitted, predictions = _train_seeds(spec, facts, parts, stores)
    metrics = _metrics(spec, parts, predictions)
    epochs = [epoch for one in fitted for epoch in one.epochs]
    draft = folder.with_name(f".{folder.name}.tmp")
    shutil.rmtree(draft, ignore_errors=True)
    draft.mkdir(parents=True)
    write_atomic(draft / "metrics.json", json.dumps(metrics, indent=2).encode())
    write_atomic(draft / "run.json", run_record(spec, facts, parts, stores, fitted))
    write_atomic(draft / "predictions.jsonl", prediction_lines(spec, parts, predictions))
    write_atomic(draft / "confusion.csv", confusion_table(spec, parts, predictions["test"]))
    write_atomic(draft / "curves.csv", csv_table(epochs))
    (draft / "weights").mkdir()
    for seed, one in zip(spec.training.seeds, fitted, strict=True):
        save_file(one.head.state_dict(), draft / "weights" / f"seed-{seed}.safetensors")
    shutil.rmtree(folder, ignore_errors=True)
    draft.rename(folder)
    return metrics


def task_facts(spec: HeadSpec, parts: Parts) -> dict[str, dict[str, Any]]:
    """What each task takes from the labels of train and dev, such as the names of classes.

    Raises ProjectError where a part, test included, has no label for a task.
    """
    facts = {}
    for name, leaf in spec.tasks.items():
        task = load_leaf("train/tasks", leaf.code)
        for split, part in parts.items():
            if all(task.truth(label) is None for label in part):
                raise ProjectError(
                    f"params.yaml: heads.{spec.name}.tasks names {name!r}, and no {split} "
                    f"utterance of {spec.corpus!r} has that label; remove the task or choose "
                    "another corpus"
                )
        facts[name] = task.facts(parts["train"], parts["dev"])
    return facts


def _train_seeds(
    spec: HeadSpec, facts: dict[str, dict[str, Any]], parts: Parts, stores: Mapping[str, Store]
) -> tuple[list[Fitted], dict[Split, list[Predictions]]]:
    data = {
        split: Part(load_dataset(stores, [label.id for label in part]), part)
        for split, part in parts.items()
    }
    fitted: list[Fitted] = []
    predictions: dict[Split, list[Predictions]] = {split: [] for split in SCORED}
    training = spec.training
    with Progress(spec.name, len(training.seeds) * training.epochs, "epochs") as shown:

        def on_epoch(epoch: Epoch) -> None:
            shown.advance(note=_note(spec, epoch))

        for seed in training.seeds:
            fitted.append(fit(spec, facts, data["train"], data["dev"], seed, on_epoch))
            shown.advance(training.epochs - len(fitted[-1].epochs))
            for split in SCORED:
                predictions[split].append(predict(fitted[-1].head, data[split].dataset))
    return fitted, predictions


def _note(spec: HeadSpec, epoch: Epoch) -> str:
    chosen = f"{next(iter(spec.tasks))}_{spec.training.choose_by}"
    score = epoch[f"dev_{chosen}"]
    return f"seed {epoch['seed']}, loss {epoch['train_loss']:.3f}, dev {chosen} {score:.3f}"


def _metrics(
    spec: HeadSpec, parts: Parts, predictions: Mapping[Split, Sequence[Predictions]]
) -> dict[str, Any]:
    metrics: dict[str, Any] = {}
    for split in ("test", "dev"):
        scores = [part_scores(spec, one, parts[split]) for one in predictions[split]]
        metrics[split] = {task: over_seeds([s[task] for s in scores]) for task in spec.tasks}
    baseline = baseline_scores(spec, parts)
    metrics["baseline"] = {task: over_seeds([baseline[task]]) for task in spec.tasks}
    return metrics
