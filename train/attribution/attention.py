"""How much of what a head makes of an utterance comes from each step: the weights of its pooling.

They are those of the head's own forward pass. A temporal encoder or a fusion in front of the
pooling lets steps see each other: then a weight is that of a step and of what it has seen.
"""

import torch
from torch import Tensor, nn

from train.data.dataset import Dataset
from train.data.masking import Padded
from train.model.head import Head, PresentOrMissing


def step_weights(head: Head, dataset: Dataset, row: int) -> dict[str, Tensor]:
    """The weight of every stored step `(T,)` of one utterance, by modality, their sum 1.

    `dataset` is standardised as the head was trained. A modality that is missing is left out. Where
    all modalities are pooled together, the weights of all of them add up to 1.
    """
    pooled: dict[str, Tensor] = {}

    def keep(pooling: nn.Module, tracks: tuple[Padded], _: Tensor) -> None:
        assert isinstance(pooling, PresentOrMissing)
        pooled[pooling.modality] = pooling.weights(tracks[0])[0]

    poolings = [module for module in head.modules() if isinstance(module, PresentOrMissing)]
    hooks = [pooling.register_forward_hook(keep) for pooling in poolings]
    try:
        with torch.inference_mode():
            tracks = dataset.gather(torch.tensor([row]))
            encoded, _ = head.utterances(head.standardised(tracks))
    finally:
        for hook in hooks:
            hook.remove()
    if names := getattr(head.fusion, "pooled", None):
        pooled = _by_modality(next(iter(pooled.values())), names, encoded)
    lengths = {name: int(tracks.lengths[row]) for name, tracks in dataset.tracks.items()}
    return {
        name: _stored(weights, _places(head, name, lengths[name]))
        for name, weights in pooled.items()
        if lengths[name]
    }


def _by_modality(
    weights: Tensor, names: list[str], encoded: dict[str, Padded]
) -> dict[str, Tensor]:
    """Weights over the joined steps of several modalities, as those of each."""
    lengths = [encoded[name].mask.shape[1] for name in names]
    by_modality: dict[str, Tensor] = {}
    for name, own in zip(names, weights.split(lengths), strict=True):
        by_modality[name] = own + by_modality.get(name, 0.0)
    return by_modality


def _places(head: Head, modality: str, num_steps: int) -> Tensor:
    """Into which of the pooled steps each stored one went, `(T,)`."""
    places = torch.arange(num_steps)
    bins = head.inputs[modality].bins
    if bins is not None and num_steps > bins:
        places = places * bins // num_steps
    return places // getattr(head.temporals[modality], "stride", 1)


def _stored(weights: Tensor, places: Tensor) -> Tensor:
    """The weights of the pooled steps, spread evenly over the stored ones."""
    counts = torch.bincount(places, minlength=len(weights))
    return (weights[: len(counts)] / counts.clamp_min(1))[places]
