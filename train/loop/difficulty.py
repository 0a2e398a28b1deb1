"""How difficult each training utterance is, from 0 (the easiest) to 1."""

from collections import Counter
from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from features.errors import ProjectError
from features.manifest import Label
from train.scoring.measure import Measure
from train.scoring.predictions import Predictions

VAD = ("valence", "arousal", "dominance")


def ranks(values: Tensor) -> Tensor:
    """Values `(N,)` as evenly spaced ranks from 0 to 1; equal values get their mean rank."""
    ordered, places = values.sort(stable=True)
    _, group, counts = ordered.unique_consecutive(return_inverse=True, return_counts=True)
    ends = counts.cumsum(0)
    means = (ends - counts + ends - 1).double() / 2
    ranked = torch.empty(len(values), dtype=torch.float64)
    ranked[places] = means[group] / max(1, len(values) - 1)
    return ranked.float()


def by_class_frequency(labels: Sequence[Label], name: str) -> Tensor:
    """Utterances of rare classes are difficult, those without a label easy."""
    values = [getattr(label, name) for label in labels]
    counts = Counter(value for value in values if value is not None)
    if not counts:
        raise _lacking("class-frequency", f"label {name!r}")
    return ranks(torch.tensor([-float(counts.get(v, len(labels))) for v in values]))


def by_vad(labels: Sequence[Label], name: str) -> Tensor:
    """Utterances whose valence, arousal and dominance are nearer to another class are difficult.

    The distance to the mean of the own class, less that to the nearest other class, in standard
    deviations. Utterances without dimensions or class are of middle difficulty.
    """
    dimensions = [d for d in VAD if any(getattr(label, d) is not None for label in labels)]
    rows = [
        n
        for n, label in enumerate(labels)
        if dimensions
        and getattr(label, name) is not None
        and all(getattr(label, d) is not None for d in dimensions)
    ]
    classes = sorted({getattr(labels[n], name) for n in rows})
    if len(classes) < 2:
        raise _lacking("vad", f"valence, arousal or dominance labels with two classes of {name!r}")
    points = torch.tensor([[float(getattr(labels[n], d)) for d in dimensions] for n in rows])
    points = (points - points.mean(dim=0)) / points.std(dim=0, correction=0).clamp_min(1e-6)
    own = torch.tensor([classes.index(getattr(labels[n], name)) for n in rows])
    centres = torch.stack([points[own == c].mean(dim=0) for c in range(len(classes))])
    distances = torch.cdist(points, centres)
    to_own = distances.gather(1, own[:, None])[:, 0]
    to_nearest_other = distances.scatter(1, own[:, None], torch.inf).amin(dim=1)
    difficulty = torch.full((len(labels),), 0.5)
    difficulty[torch.tensor(rows)] = ranks(to_own - to_nearest_other)
    return difficulty


def by_first_model(
    measures: Sequence[Measure], predictions: Predictions, labels: Sequence[Label]
) -> Tensor:
    """Utterances with a low probability, or a large error, under a first head are difficult.

    The mean over all measures of minus the log probability of the true class, or of the error in
    standard deviations; what is not labelled counts for nothing.
    """
    total, count = np.zeros(len(labels)), np.zeros(len(labels))
    for measure in measures:
        if measure.kind in ("pairs", "votes"):
            continue
        truth = measure.truth(labels)
        labelled, predicted = measure.labelled(truth), predictions[measure.name]
        if measure.classes is None:
            spread = max(float(np.std(truth[labelled])), 1e-6)
            error = np.abs(predicted[labelled] - truth[labelled]) / spread
        else:
            error = -np.log(predicted[labelled, truth[labelled].astype(int)].clip(1e-12))
        total[labelled] += error
        count[labelled] += 1
    difficulty = ranks(torch.from_numpy(total / np.maximum(count, 1)))
    # Of what is not labelled nothing is known: neither easy nor difficult.
    difficulty[torch.from_numpy(count == 0)] = 0.5
    return difficulty


def _lacking(difficulty: str, labels: str) -> ProjectError:
    return ProjectError(
        f"training.difficulty is {difficulty!r}, but the training split has no {labels}; choose "
        "another difficulty"
    )
