"""A head for some tracks, and what it makes of them."""

from typing import Any

import torch
from torch import Tensor

from features.head_specs import HeadSpec
from train.dataset import Dataset
from train.head import Head
from train.measures import Numbers

EVALUATION_BATCH = 256
# Numbers in a padded batch of evaluation, at most.
EVALUATION_VALUES = 2**26


def build_head(spec: HeadSpec, facts: dict[str, dict[str, Any]], dataset: Dataset) -> Head:
    """A fresh head that fits the tracks of a dataset."""
    return Head(spec, {name: tracks.shape for name, tracks in dataset.tracks.items()}, facts)


def predict(head: Head, dataset: Dataset) -> dict[str, Numbers]:
    """Per measure probabilities `(N, C)` or numbers `(N,)`, in the dataset's order."""
    head.eval()
    device = next(head.parameters()).device
    outputs: dict[str, list[Tensor]] = {name: [] for name in head.tasks}
    order = torch.argsort(dataset.costs(), stable=True)
    predictions: dict[str, Numbers] = {}
    with torch.inference_mode():
        for rows in order.split(evaluation_batch(dataset)):
            for name, output in head(dataset.gather(rows, device)).items():
                outputs[name].append(output.cpu())
        back = torch.argsort(order)
        for name, blocks in outputs.items():
            told = head.tasks[name].predict(torch.cat(blocks)[back])  # type: ignore[operator]
            predictions.update({measure: values.numpy() for measure, values in told.items()})
    return predictions


def evaluation_batch(dataset: Dataset) -> int:
    """How many utterances are evaluated at a time, so that the longest fit into the memory."""
    largest = sum(
        int(tracks.lengths.max()) * tracks.shape[0] * tracks.shape[1]
        for tracks in dataset.tracks.values()
    )
    return max(1, min(EVALUATION_BATCH, EVALUATION_VALUES // max(1, largest)))
