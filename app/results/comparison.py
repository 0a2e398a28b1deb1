"""Compares two heads on the utterances that both were tested on."""

import json
from collections.abc import Sequence
from typing import Any

import numpy as np

from app.results.runs import Run
from features.errors import ProjectError
from features.manifest import Label
from train.scoring.measure import Measure, Numbers, measures_of
from train.scoring.significance import Difference, clusters, paired

Differences = dict[str, dict[str, Difference]]


def compared(first: Run, second: Run, labels: Sequence[Label]) -> Differences:
    """By how much `first` is above `second`, with interval and p, by measure and metric.

    Raises ProjectError if their test sets differ or they predict nothing in common.
    """
    predictions = [_test_predictions(run.predictions) for run in (first, second)]
    ids = [set(rows_by_id) for rows_by_id in predictions]
    names = f"{first.spec.name!r} and {second.spec.name!r}"
    if first.spec.corpus != second.spec.corpus or ids[0] != ids[1]:
        raise ProjectError(
            f"{names} were tested on different utterances ({len(ids[0])} and {len(ids[1])}, "
            f"{len(ids[0] & ids[1])} in common); compare heads with one corpus and protocol"
        )
    others = second.measures
    shared = [name for name, classes in first.measures.items() if classes == others.get(name, ())]
    if not shared:
        raise ProjectError(f"{names} predict nothing in common; compare heads with the same tasks")
    tested = [label for label in labels if label.id in ids[0]]
    _, cluster_names = clusters(tested)
    facts = next(iter(first.record["facts"].values()))
    measures = {measure.name: measure for measure in measures_of(first.spec, facts)}
    differences: Differences = {}
    for name in shared:
        measure = measures[name]
        truth = measure.truth(tested)
        tallies = [measure.tallies(truth, _array(measure, rows, tested)) for rows in predictions]
        differences[name] = paired(measure, tallies[0], tallies[1], cluster_names)
    return differences


def _test_predictions(lines: bytes) -> dict[str, list[Any]]:
    """The predictions of every seed for each test utterance."""
    rows_by_id: dict[str, list[Any]] = {}
    for line in lines.splitlines():
        row = json.loads(line)
        if row["split"] == "test":
            rows_by_id.setdefault(row["id"], []).append(row)
    return rows_by_id


def _array(measure: Measure, rows_by_id: dict[str, list[Any]], labels: Sequence[Label]) -> Numbers:
    """Predictions `(S, N, ...)` in the order of the labels."""
    name = measure.name
    values = [[measure.from_json(row[name]) for row in rows_by_id[label.id]] for label in labels]
    return np.swapaxes(np.asarray(values, float), 0, 1)
