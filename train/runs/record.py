"""The files of a run: what was trained on what, and what came out."""

from collections.abc import Mapping, Sequence
from typing import Any

from features.files import canonical_json
from features.manifest import Label
from features.runs.csv_files import csv_table
from features.runs.described import described
from features.runs.staleness import Sources
from features.specs.heads import AnyHead
from features.store.format import DOUBTFUL
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
    made_from: Sources,
    extraction: Mapping[str, Any],
) -> dict[str, Any]:
    """What was trained on what: the spec, stores and folds, and what was selected on dev.

    `extraction` says how the tracks were made, so that new clips get theirs in the same way.
    """
    first = results[0]
    return {
        "head": described(spec),
        "facts": {result.splits.fold: result.facts for result in results},
        "measures": {m.name: described_measure(m) for m in measures},
        "folds": {result.splits.fold: _fold_facts(result) for result in results},
        "num_parameters": first.fitted[0].num_parameters,
        "extraction": dict(extraction),
        "stores": {modality: _store_facts(store) for modality, store in stores.items()},
        "sources": dict(made_from),
    }


def described_measure(measure: Measure) -> dict[str, Any]:
    """What a measure is, as plain JSON."""
    return {"task": measure.task, "kind": measure.kind, "classes": measure.classes}


def weights_name(fold: int, num_folds: int, seed: int) -> str:
    """The file in the run's folder ``weights`` that one fold (from 0) and seed left."""
    return f"{f'fold-{fold + 1}-' if num_folds > 1 else ''}seed-{seed}.safetensors"


def prediction_lines(
    seeds: Sequence[int], measures: Sequence[Measure], splits: Mapping[str, RunPredictions]
) -> bytes:
    """One JSON object per split, fold, seed and utterance: its predictions and its labels."""
    lines = []
    for split, predictions in splits.items():
        for number, seed in enumerate(seeds):
            for row, label in enumerate(predictions.labels):
                line = {"id": label.id, "fold": predictions.folds[row], "seed": seed}
                by_measure = predictions.as_json(measures, number, row)
                for measure in measures:
                    by_measure[measure.name]["truth"] = _truth(measure, label)
                lines.append(canonical_json({**line, "split": split, **by_measure}))
    return b"".join(lines)


def _truth(measure: Measure, label: Label) -> Any:
    """What the label says of a measure, None where it says nothing."""
    value = getattr(label, measure.label)
    return list(value) if isinstance(value, tuple) else value


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


def _fold_facts(result: FoldResult) -> dict[str, Any]:
    splits = result.splits
    return {
        "num_utterances": {split: len(splits[split]) for split in ("train", "dev", "test")},
        "dev_drawn": splits.dev_drawn,
        "shared_speakers": splits.shared_speakers,
        "num_unknown_speakers": splits.num_unknown_speakers,
        "standardised": {m: n._asdict() for m, n in result.standardised.items()},
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
        "doubtful": {name: ids for name in DOUBTFUL if (ids := _ids_with(store, name))},
    }


def _ids_with(store: Store, fact: str) -> list[str]:
    """The ids of the utterances of which a fact is not 0."""
    counts = store.facts.get(fact)
    rows = [] if counts is None else counts.nonzero()[0].tolist()
    return [store.ids[row] for row in rows]
