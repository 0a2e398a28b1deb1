"""Pooled tracks: one vector for each utterance, without anything learned."""

import numpy as np
import torch
from torch import Tensor

from features.specs.heads import ProbeSpec
from train.data.dataset import Dataset
from train.data.masking import Padded, masked_mean, masked_std
from train.loop.predict import evaluation_batch
from train.scoring.measure import Numbers

PERCENTILES = (10, 25, 50, 75, 90)
STATISTICS = {
    "mean": ("mean",),
    "deviation": ("deviation",),
    "percentiles": ("percentiles",),
    "statistics": ("mean", "deviation"),
    "functionals": ("mean", "deviation", "percentiles"),
}


def pooled(spec: ProbeSpec, dataset: Dataset) -> Numbers:
    """Statistics of each track over its steps, layers side by side; NaN where there is no track."""
    rows = torch.arange(len(dataset)).split(evaluation_batch(dataset))
    return np.concatenate([_vectors(spec, dataset.gather(batch)) for batch in rows])


def masked_percentiles(track: Padded) -> Tensor:
    """PERCENTILES over real steps side by side, `(B, 5 D)`; zeros where there is none.

    Between two steps they are interpolated linearly, as `numpy.percentile` does.
    """
    last = torch.finfo(track.values.dtype).max
    ordered = track.values.masked_fill(~track.mask[..., None], last).sort(dim=1).values
    counts = track.mask.sum(dim=1)
    values = []
    for percentile in PERCENTILES:
        place = (counts - 1).clamp_min(0) * (percentile / 100)
        below = place.floor()
        share = (place - below)[:, None]
        rows = torch.arange(len(counts))
        low, high = ordered[rows, below.long()], ordered[rows, place.ceil().long()]
        values.append(low + share * (high - low))
    joined = torch.cat(values, dim=1)
    return torch.where(track.present[:, None], joined, 0.0)


FUNCTIONS = {"mean": masked_mean, "deviation": masked_std, "percentiles": masked_percentiles}


def _vectors(spec: ProbeSpec, tracks: dict[str, Padded]) -> Numbers:
    vectors = []
    for track in tracks.values():
        flat = Padded(track.values.flatten(2), track.mask)
        statistics = [FUNCTIONS[name](flat) for name in STATISTICS[spec.pooling]]
        vectors += [torch.where(flat.present[:, None], v, torch.nan) for v in statistics]
    return np.asarray(torch.cat(vectors, dim=1).double().numpy())
