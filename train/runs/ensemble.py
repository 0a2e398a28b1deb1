"""Several trained heads combined: what the stage `ensemble` writes."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from features.errors import ProjectError
from features.manifest import Label
from features.runs.described import described_ensemble
from features.runs.sealed import Sealed, write_sealed
from features.runs.staleness import ENSEMBLE_RECORD, ensemble_sources
from features.specs.ensembles import EnsembleSpec
from features.specs.heads import AnyHead, shown_metric
from train.runs.record import confusion_table, described_measure, prediction_lines
from train.runs.stored_predictions import read_predictions
from train.scoring.calibration import tempered
from train.scoring.class_measure import ClassMeasure
from train.scoring.combining import (
    Adjusted,
    Combination,
    equal_weights,
    fitted_adjustment,
    fitted_stack,
    fitted_weights,
)
from train.scoring.ensemble import Calibration, fitted_calibration, fold_ensemble
from train.scoring.measure import Measure, Numbers, measures_of
from train.scoring.predictions import RunPredictions
from train.scoring.significance import clusters
from train.scoring.summaries import against_others, by_class, summary

ByHead = Mapping[str, RunPredictions]


def run_ensemble(
    spec: EnsembleSpec,
    heads: Sequence[AnyHead],
    runs: Sequence[Sealed],
    labels: Sequence[Label],
    folder: Path,
) -> dict[str, Any]:
    """Combine the predictions of some heads' runs, and write ``runs/<ensemble>``.

    Every head contributes the ensemble of its seeds; the figures of single seeds combine the k-th
    seed of each head, cycling through the seeds of heads that have fewer. Raises ProjectError where
    the heads were tested on different utterances or predict nothing in common.
    """
    measures = _shared_measures(spec, heads, runs)
    stored = [read_predictions(run.contents["predictions.jsonl"], measures, labels) for run in runs]
    dev, test = (_by_head(spec, stored, split) for split in ("dev", "test"))
    calibrations = {name: fitted_calibration(measures, own) for name, own in dev.items()}
    combinations = _combinations(spec, measures, dev, calibrations)
    if spec.imbalance == "logit-adjustment":
        _adjust(combinations, heads[0], runs[0].record, measures, dev, calibrations)
    together = {
        split: _combined(measures, each, calibrations, combinations, None)
        for split, each in (("dev", dev), ("test", test))
    }
    seeds = range(max(len(one.predicted[measures[0].name]) for one in test.values()))
    single = {
        split: _stacked_seeds(
            [_combined(measures, each, calibrations, combinations, n) for n in seeds]
        )
        for split, each in (("dev", dev), ("test", test))
    }
    metrics = {
        "test": summary(measures, single["test"]),
        "ensemble": summary(measures, together["test"]),
        "dev": summary(measures, single["dev"]),
        "majority": {m.name: runs[0].json("metrics.json")["majority"][m.name] for m in measures},
    }
    members = {
        name: _combined(measures, {name: test[name]}, calibrations, {}, None) for name in test
    }
    record = {
        "settings": described_ensemble(spec, heads),
        "weights": _weights(spec, measures, combinations),
        "strengths": _strengths(measures, combinations),
        "sources": ensemble_sources({n: r.seal for n, r in zip(spec.heads, runs, strict=True)}),
        **_figures(measures, together, members),
    }
    content = {
        "metrics.json": json.dumps(metrics, indent=2).encode(),
        "predictions.jsonl": prediction_lines([0], measures, together),
        "confusion.csv": confusion_table(measures, together["test"]),
    }
    write_sealed(folder, ENSEMBLE_RECORD, record, content)
    return metrics


def _figures(
    measures: Sequence[Measure], together: Mapping[str, RunPredictions], members: ByHead
) -> dict[str, Any]:
    """What the report shows beside the metrics: the ensemble on dev, and against its heads."""
    unit, names = clusters(together["test"].labels)
    return {
        "measures": {m.name: described_measure(m) for m in measures},
        "resampled": {"unit": unit, "count": len(set(names))},
        "ensemble_dev": summary(measures, together["dev"]),
        "against": against_others(measures, together["test"], members),
        "classes": by_class(measures, together["test"]),
    }


def _shared_measures(
    spec: EnsembleSpec, heads: Sequence[AnyHead], runs: Sequence[Sealed]
) -> list[Measure]:
    """What all heads predict, with the same classes."""
    by_head = [
        {m.name: m for m in measures_of(head, next(iter(run.record["facts"].values())))}
        for head, run in zip(heads, runs, strict=True)
    ]
    shared = [m for m in by_head[0].values() if all(own.get(m.name) == m for own in by_head)]
    if not shared:
        raise ProjectError(
            f"params.yaml: ensembles.{spec.name}: its heads predict nothing in common, or "
            "different classes; name heads with the same tasks"
        )
    return shared


def _by_head(
    spec: EnsembleSpec, stored: Sequence[Mapping[str, RunPredictions]], split: str
) -> dict[str, RunPredictions]:
    """The predictions of a split by head, in the order of the first head's utterances."""
    first = stored[0][split]
    places = list(zip(first.folds, [label.id for label in first.labels], strict=True))
    by_head = {}
    for name, own in zip(spec.heads, stored, strict=True):
        pairs = zip(own[split].folds, own[split].labels, strict=True)
        rows = {(fold, label.id): row for row, (fold, label) in enumerate(pairs)}
        if set(rows) != set(places):
            raise ProjectError(
                f"params.yaml: ensembles.{spec.name}: the {split} sets of {name!r} and "
                f"{spec.heads[0]!r} differ in {len(set(rows) ^ set(places))} utterances, such as "
                f"{min(set(rows) ^ set(places))[1]!r}; name heads with the same protocol"
            )
        by_head[name] = own[split].rows([rows[place] for place in places])
    return by_head


def _combinations(
    spec: EnsembleSpec,
    measures: Sequence[Measure],
    dev: ByHead,
    calibrations: Mapping[str, Calibration],
) -> dict[tuple[str, str], Combination]:
    """How the heads are combined, by measure and fold."""
    first = next(iter(dev.values()))
    combinations: dict[tuple[str, str], Combination] = {}
    for measure in measures:
        for fold in dict.fromkeys(first.folds):
            if spec.combine == "mean":
                combinations[measure.name, fold] = equal_weights(measure, len(dev))
                continue
            stacked = spec.combine == "stacking" and measure.kind != "votes"
            fit = fitted_stack if stacked else fitted_weights
            truth = measure.truth(first.fold(fold).labels)
            each = _each(measure, {n: one.fold(fold) for n, one in dev.items()}, calibrations, fold)
            combinations[measure.name, fold] = fit(measure, truth, each)
    return combinations


def _adjust(
    combinations: dict[tuple[str, str], Combination],
    head: AnyHead,
    record: Mapping[str, Any],
    measures: Sequence[Measure],
    dev: ByHead,
    calibrations: Mapping[str, Calibration],
) -> None:
    """Divide the prior out of every combination of classes; the first head's metric selects."""
    first = next(iter(dev.values()))
    for measure in measures:
        if measure.kind != "classes":
            continue
        metric = shown_metric(measure.kind, head.choose_by)
        task = record["measures"][measure.name]["task"]
        for fold in dict.fromkeys(first.folds):
            counts = record["facts"][fold][task]["counts"]
            truth = measure.truth(first.fold(fold).labels)
            each = _each(measure, {n: one.fold(fold) for n, one in dev.items()}, calibrations, fold)
            combination = combinations[measure.name, fold]
            combinations[measure.name, fold] = fitted_adjustment(
                measure, truth, each, combination, counts, metric
            )


def _each(
    measure: Measure,
    in_fold: ByHead,
    calibrations: Mapping[str, Calibration],
    fold: str,
    seed: int | None = None,
) -> Numbers:
    """The predictions of each head in one fold, `(H, N, ...)`: of all its seeds, or of one."""
    each = []
    for name, own in in_fold.items():
        by_seed = own.predicted[measure.name]
        if seed is None:
            each.append(fold_ensemble(measure, by_seed, calibrations[name], fold))
            continue
        number = seed % len(by_seed)
        one = by_seed[number]
        if isinstance(measure, ClassMeasure):
            one = tempered(one, calibrations[name][measure.name]["temperatures"][fold][number])
        each.append(one)
    return np.stack(each)


def _combined(
    measures: Sequence[Measure],
    by_head: ByHead,
    calibrations: Mapping[str, Calibration],
    combinations: Mapping[tuple[str, str], Combination],
    seed: int | None,
) -> RunPredictions:
    """One prediction for each utterance, `(1, N, ...)`; a single head stays as it is."""
    first = next(iter(by_head.values()))
    predicted: dict[str, Numbers] = {}
    for measure in measures:
        merged = np.empty((1, *first.predicted[measure.name].shape[1:]))
        for fold in dict.fromkeys(first.folds):
            rows = [row for row, name in enumerate(first.folds) if name == fold]
            in_fold = {name: one.rows(rows) for name, one in by_head.items()}
            each = _each(measure, in_fold, calibrations, fold, seed)
            combine = combinations.get((measure.name, fold))
            merged[0, rows] = each[0] if combine is None else combine(each)
        predicted[measure.name] = merged
    return RunPredictions(first.labels, first.folds, predicted)


def _stacked_seeds(each: Sequence[RunPredictions]) -> RunPredictions:
    predicted = {
        name: np.concatenate([one.predicted[name] for one in each]) for name in each[0].predicted
    }
    return RunPredictions(each[0].labels, each[0].folds, predicted)


def _weights(
    spec: EnsembleSpec,
    measures: Sequence[Measure],
    combinations: Mapping[tuple[str, str], Combination],
) -> dict[str, dict[str, dict[str, Any]]]:
    """The weights by measure and fold; empty where heads are stacked."""
    weights: dict[str, dict[str, dict[str, Any]]] = {measure.name: {} for measure in measures}
    for (measure, fold), combination in combinations.items():
        weights[measure][fold] = combination.as_json(spec.heads)
    return weights


def _strengths(
    measures: Sequence[Measure], combinations: Mapping[tuple[str, str], Combination]
) -> dict[str, dict[str, float]]:
    """How strongly rare classes are favoured, by measure and fold; empty where they are not."""
    strengths: dict[str, dict[str, float]] = {measure.name: {} for measure in measures}
    for (measure, fold), combination in combinations.items():
        if isinstance(combination, Adjusted):
            strengths[measure][fold] = combination.strength
    return strengths
