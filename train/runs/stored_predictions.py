"""The predictions of a run, read back from its file."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from features.errors import ProjectError
from features.manifest import Label
from train.scoring.measure import Measure, Numbers
from train.scoring.predictions import RunPredictions


def read_predictions(
    lines: bytes, measures: Sequence[Measure], labels: Sequence[Label]
) -> dict[str, RunPredictions]:
    """Predictions of every seed by split, as `prediction_lines` wrote them.

    Raises ProjectError for an utterance that is not among the labels.
    """
    labels_by_id = {label.id: label for label in labels}
    rows: dict[str, dict[tuple[str, str], list[Any]]] = {}
    for line in lines.splitlines():
        row = json.loads(line)
        if row["id"] not in labels_by_id:
            raise ProjectError(
                f"{row['id']!r} has predictions, but is not among the labels; run 'dvc repro'"
            )
        place = row["fold"], row["id"]
        rows.setdefault(row["split"], {}).setdefault(place, []).append(row)
    return {
        split: RunPredictions(
            [labels_by_id[name] for _, name in by_place],
            [fold for fold, _ in by_place],
            {m.name: _array(m, list(by_place.values())) for m in measures},
        )
        for split, by_place in rows.items()
    }


def _array(measure: Measure, rows: Sequence[Sequence[Mapping[str, Any]]]) -> Numbers:
    """`(S, N, ...)`."""
    values = [[measure.from_json(row[measure.name]) for row in seeds] for seeds in rows]
    return np.swapaxes(np.asarray(values, float), 0, 1)
