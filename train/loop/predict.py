"""A head that fits some tracks, and its predictions of them."""

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from features.specs.heads import HeadSpec
from train.data.dataset import Dataset
from train.data.dialogues import Turns, single_utterances
from train.data.masking import Steps
from train.model.contracts import Networks
from train.model.head import NO_NETWORKS, Head
from train.scoring.measure import Numbers

EVALUATION_BATCH = 256
# Numbers in a padded batch of evaluation, at most.
EVALUATION_VALUES = 2**26


def build_head(
    spec: HeadSpec,
    facts: dict[str, dict[str, Any]],
    dataset: Dataset,
    networks: Networks = NO_NETWORKS,
) -> Head:
    """A fresh head that fits the tracks of a dataset."""
    shapes = {name: tracks.shape for name, tracks in dataset.tracks.items()}
    return Head(spec, shapes, facts, networks)


def predict(head: Head, dataset: Dataset) -> dict[str, Numbers]:
    """Predictions of each measure `(N, ...)`, in the dataset's order."""
    return predictions_of(head, outputs_of(head, dataset))


def predictions_of(head: Head, outputs: dict[str, Tensor]) -> dict[str, Numbers]:
    """The predictions, by measure, that the tasks of a head make of their outputs."""
    predictions: dict[str, Numbers] = {}
    for name, output in outputs.items():
        for measure, values in head.tasks[name].predict(output).items():
            predictions[measure] = values.numpy()
    return predictions


def outputs_of(head: Head, dataset: Dataset) -> dict[str, Tensor]:
    """The output of each task `(N, ...)` on the CPU, in the dataset's order."""
    head.eval()
    device = next(head.parameters()).device
    outputs: dict[str, list[Tensor]] = {name: [] for name in head.tasks}
    batches = evaluation_batches(dataset, whole=head.dialogue is not None)
    with torch.inference_mode():
        for rows in batches:
            tracks = gathered(dataset, rows, device, head)
            batch = head(tracks, turns_of(dataset, rows, device, head))
            for name, output in batch.items():
                outputs[name].append(output.cpu())
    back = torch.argsort(torch.cat(batches))
    return {name: torch.cat(blocks)[back] for name, blocks in outputs.items()}


def gathered(
    dataset: Dataset, rows: Tensor, device: torch.device, head: Head
) -> Mapping[str, Steps]:
    """A batch as a head reads it fastest: without padding on a CPU.

    A GPU takes padding along for nothing. The utterances of dialogues are sorted by length inside.
    """
    if device.type == "cpu" and head.dialogue is None:
        return dataset.gather_packed(rows)
    return dataset.gather(rows, device)


def turns_of(dataset: Dataset, rows: Tensor, device: torch.device, head: Head) -> Turns:
    """Who of a batch speaks when; each utterance is alone where a head reads no dialogues."""
    if head.dialogue is None:
        return single_utterances(len(rows), device)
    return dataset.turns(rows, device)


def evaluation_batches(dataset: Dataset, whole: bool) -> list[Tensor]:
    """The rows of a dataset in batches of similar length; `whole`: of whole dialogues."""
    size = evaluation_batch(dataset)
    if not whole:
        return list(torch.argsort(dataset.costs(), stable=True).split(size))
    costs = dataset.costs()
    batches: list[list[Tensor]] = []
    room = 0
    for rows in sorted(dataset.places.whole(), key=lambda rows: int(costs[rows].max())):
        if len(rows) > room:
            batches.append([])
            room = size
        batches[-1].append(rows)
        room -= len(rows)
    return [torch.cat(batch) for batch in batches]


def evaluation_batch(dataset: Dataset) -> int:
    """How many utterances are evaluated at a time, so that the longest fit into the memory."""
    largest = sum(
        int(tracks.lengths.max()) * tracks.shape[0] * tracks.shape[1]
        for tracks in dataset.tracks.values()
    )
    return max(1, min(EVALUATION_BATCH, EVALUATION_VALUES // max(1, largest)))
