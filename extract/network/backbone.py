"""The contract of a frozen network, and how one is loaded from its spec."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn.utils.parametrize import is_parametrized

from extract.media.clip import Clip
from extract.media.video import Picture
from extract.network.compute import Compute
from features.leaves import load_leaf
from features.specs.tracks import BackboneSpec


@dataclass(frozen=True)
class Window:
    """A stretch of an utterance that the network takes at once, in the form in which it takes it.

    `keep` selects which of its steps the track keeps: a slice, or their numbers. `tokens` are
    the tokens of the text that a network on video reads as well.
    """

    values: NDArray[Any]
    keep: slice | NDArray[np.int64] = field(default_factory=lambda: slice(None))
    tokens: NDArray[np.int64] | None = None


@dataclass(frozen=True)
class Example:
    """One prepared utterance: its windows in order, and each kept step's span where it has text.

    Most utterances are one window. One without any has nothing to encode. `facts` are whole
    numbers that the store keeps with the track, by name (docs/explanation/store.md).
    """

    windows: tuple[Window, ...]
    spans: tuple[tuple[int, int], ...] | None = None
    facts: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class Reading:
    """What is read of an utterance: its modalities, and how many earlier turns of its dialogue."""

    modalities: tuple[str, ...]
    context_turns: int = 0


class VideoInput(Protocol):
    """The `prepare` of a network on video.

    Frames are sampled at `rate_hz`; where `face_weights` is a file, the face that the detector
    finds is cut out of each, and the whole frame is taken where it finds none.
    """

    rate_hz: float
    face_weights: Path | None

    def frame(self, picture: Picture) -> Picture:
        """A frame `(H, W, 3)` of any size, uint8, resized for the network."""

    def __call__(self, clip: Clip) -> Example:
        """The windows of a clip, whose frames `frame` has resized."""


class Backbone(Protocol):
    """A frozen network: utterances in, one track `(L, T, D)` each out.

    A file in ``extract/backbones`` defines MODALITY, VERSION, `load(compute, *, settings)` and
    `tiny()`. A track never depends on the other windows of its batch. The contract is checked by
    ``tests/backbone_contract.py``.

    Attributes:
        layers: the number of each kept layer; L of them.
        version: raised when a change of the code changes values.
        weights_digest: digest of everything that is loaded from files or drawn from a seed.
        rate_hz, first_step_s: steps per second and the middle of the first one; None for text.
        reading: what it reads; first its own modality, or the name of its feature files.
        nominal_steps: steps of an ordinary utterance, from which the size of parts is planned.
        budget: the largest padded cost of one batch.
        prepare: turns decoded media (a Text, samples with their rate, or a Clip) into an Example,
            on the CPU. It is pickled into the decoding processes. For video it is a VideoInput;
            for text it may have `together(texts)`, which prepares many in one call.
    """

    modality: str
    dim: int
    layers: tuple[int, ...]
    version: int
    weights_digest: str
    rate_hz: float | None
    first_step_s: float | None
    reading: Reading
    nominal_steps: int
    budget: int
    prepare: Callable[[Any], Example]

    def cost(self, window: Window) -> int:
        """Steps of work in the window, at least 1."""

    def encode(self, windows: Sequence[Window]) -> list[Tensor]:
        """All steps of each window, float32 `(L, T, D)` on the device, in the order given."""


def load_backbone(spec: BackboneSpec, compute: Compute) -> Backbone:
    """Load the backbone that a spec of params.yaml names, frozen and ready to run."""
    leaf = load_leaf("extract/backbones", spec.leaf.code)
    backbone: Backbone = leaf.load(compute, **spec.leaf.options)
    return backbone


def freeze(network: nn.Module, compute: Compute) -> nn.Module:
    """Freeze a network: evaluation mode, no gradients, on the device.

    Weights are float32; for bfloat16 those of matrix products are rounded once, here, and norms
    stay as they are (`Compute.running` rounds the inputs). A tensor that a product shares with an
    embedding would be rounded for both; no network here has one.
    """
    network.eval().requires_grad_(False)
    if compute.on_gpu:
        from extract.network.attention import always_mask

        always_mask(network)
    # One tensor at a time: a copy of a whole network in float32 may be more than the memory holds.
    for module in network.modules():
        product = isinstance(module, nn.Linear | nn.Conv1d | nn.Conv2d | nn.Conv3d)
        reduced = product and not is_parametrized(module) and compute.dtype == "bfloat16"
        for tensor in [*module.parameters(recurse=False), *module.buffers(recurse=False)]:
            dtype = torch.bfloat16 if reduced else torch.float32
            if not tensor.is_floating_point():
                dtype = tensor.dtype
            tensor.data = tensor.data.to(device=compute.device, dtype=dtype)
    return network


def free_memory(backbone: Backbone) -> None:
    """Free the memory of a backbone's networks; it cannot encode any more."""
    for value in vars(backbone).values():
        if isinstance(value, nn.Module):
            value.to("meta")


def seeded(seed: int, build: Callable[[], Any]) -> Any:
    """Build a network with random weights that depend on the seed alone."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return build()
