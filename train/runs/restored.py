"""Trained heads and probes, restored from their weights, and their predictions."""

from collections.abc import Mapping, Sequence

from torch import Tensor

from features.manifest import Label
from features.specs.heads import AnyHead, HeadSpec
from train.data.dataset import Dataset
from train.data.standardise import Moments, standardised
from train.loop.predict import predict
from train.model.contracts import Networks
from train.model.head import NO_NETWORKS, Facts, Head
from train.probes.probe import FittedProbe, restored_probe
from train.scoring.predictions import Predictions

Restored = Head | FittedProbe
Shapes = Mapping[str, tuple[int, int]]


def restored(
    spec: AnyHead,
    shapes: Shapes,
    facts: Facts,
    state: Mapping[str, Tensor],
    networks: Networks = NO_NETWORKS,
) -> Restored:
    """A head for tracks of `shapes` (layers and width by modality), with the weights `state`.

    `networks` are, by modality, the frozen network's layers that temporal encoders are made of.
    """
    if not isinstance(spec, HeadSpec):
        return restored_probe(spec, facts, state)
    head = Head(spec, shapes, facts, networks)
    head.load_state_dict(state)
    for temporal in head.temporals.values():
        if hasattr(temporal, "merge"):
            temporal.merge()
    return head.eval()


def restored_predictions(
    spec: AnyHead, head: Restored, dataset: Dataset, labels: Sequence[Label]
) -> Predictions:
    """Predictions of each measure, the tracks standardised as they were in training."""
    return standardised_predictions(head, restored_data(spec, head, dataset, labels))


def restored_data(
    spec: AnyHead, head: Restored, dataset: Dataset, labels: Sequence[Label]
) -> Dataset:
    """The tracks, standardised as they were when the head was trained."""
    return standardised(spec, dataset, labels, _corpus_moments(head))


def standardised_predictions(head: Restored, data: Dataset) -> Predictions:
    """Predictions of each measure for tracks that are standardised."""
    return predict(head, data) if isinstance(head, Head) else head.predict(data)


def _corpus_moments(head: Restored) -> Mapping[str, Moments]:
    """The moments of the training split, by modality."""
    if not isinstance(head, Head):
        return head.corpus
    return {name: Moments(entry.mean, entry.std) for name, entry in head.inputs.items()}
