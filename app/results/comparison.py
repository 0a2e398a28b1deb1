"""Two heads held against each other on the utterances that both were tested on."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from app.results.runs import Run
from features.errors import ProjectError
from features.manifest import Label
from train.scoring.measure import Measure, Numbers, measures_of
from train.scoring.significance import Difference, clusters, paired

Told = dict[str, dict[str, Difference]]


def compared(one: Run, other: Run, labels: Sequence[Label]) -> Told:
    """Per measure and metric: by how much `one` is above `other`, with the interval and p.

    Raises ProjectError where they were tested on other utterances or predict nothing in common.
    """
    predictions = [_predictions(run.folder) for run in (one, other)]
    ids = [set(told) for told in predictions]
    names = f"{one.spec.name!r} and {other.spec.name!r}"
    if one.spec.corpus != other.spec.corpus or ids[0] != ids[1]:
        raise ProjectError(
            f"{names} were tested on other utterances ({len(ids[0])} and {len(ids[1])}, "
            f"{len(ids[0] & ids[1])} of them the same); compare heads of one corpus and protocol"
        )
    shared = [name for name in one.measures if one.measures[name] == other.measures.get(name, ())]
    if not shared:
        raise ProjectError(f"{names} predict nothing in common; compare heads with the same tasks")
    tested = [label for label in labels if label.id in ids[0]]
    _, units = clusters(tested)
    facts = next(iter(one.record["facts"].values()))
    measures = {measure.name: measure for measure in measures_of(one.spec, facts)}
    found: Told = {}
    for name in shared:
        measure = measures[name]
        truth = measure.truth(tested)
        both = [measure.tallies(truth, _array(measure, told, tested)) for told in predictions]
        found[name] = paired(measure, both[0], both[1], units)
    return found


def _predictions(folder: Path) -> dict[str, list[Any]]:
    """Per tested utterance what each seed said."""
    told: dict[str, list[Any]] = {}
    with (folder / "predictions.jsonl").open(encoding="utf-8") as lines:
        for line in lines:
            one = json.loads(line)
            if one["split"] == "test":
                told.setdefault(one["id"], []).append(one)
    return told


def _array(measure: Measure, told: dict[str, list[Any]], labels: Sequence[Label]) -> Numbers:
    """Predictions `(S, N, ...)` in the order of the labels."""
    rows = [[measure.read(one[measure.name]) for one in told[label.id]] for label in labels]
    return np.swapaxes(np.asarray(rows, float), 0, 1)
