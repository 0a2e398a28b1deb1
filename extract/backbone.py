"""The contract of a frozen network, and how one is loaded from its spec."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import torch
from torch import Tensor, nn

from features.leaves import load_leaf
from features.specs import BackboneSpec


@dataclass(frozen=True)
class Example:
    """One prepared utterance: the network's input, and for text each step's character span."""

    values: Tensor
    spans: tuple[tuple[int, int], ...] | None = None


class Backbone(Protocol):
    """A frozen network: utterances in, one track `(L, T, D)` each out.

    A file in ``extract/backbones`` defines MODALITY, `load(device, *, settings)` and `tiny()`.
    A track never depends on the other examples of its batch.

    Attributes:
        layers: the number of each kept layer; L of them.
        version: raised when a change of the code changes values.
        weights_digest: digest of everything that is loaded from files or drawn from a seed.
        rate_hz, first_step_s: steps per second and the middle of the first one; None for text.
        reading: keyword arguments of the media reader, such as ``rate_hz`` of sampled frames.
        nominal_steps: steps of an ordinary utterance, from which the size of parts is planned.
        budget: the largest padded cost of one batch.
    """

    modality: str
    dim: int
    layers: tuple[int, ...]
    version: int
    weights_digest: str
    rate_hz: float | None
    first_step_s: float | None
    reading: Mapping[str, Any]
    nominal_steps: int
    budget: int

    def prepare(self, media: Any) -> Example:
        """Turn decoded media into the network's input, on the CPU.

        `media` is a text, samples with their rate, or frames `(T, H, W, 3)` of uint8.
        """

    def cost(self, example: Example) -> int:
        """Steps of work that the example is; 0 where there is nothing to encode."""

    def encode(self, examples: Sequence[Example]) -> list[Tensor]:
        """The tracks of a batch, float32 `(L, T, D)` on the CPU, in the order given."""


def load_backbone(spec: BackboneSpec, device: torch.device) -> Backbone:
    """Load the backbone that a spec of params.yaml names, frozen and ready to run."""
    leaf = load_leaf("extract/backbones", spec.leaf.code)
    backbone: Backbone = leaf.load(device, **spec.leaf.options)
    return backbone


def freeze(network: nn.Module, device: torch.device) -> nn.Module:
    """Put a network to rest: evaluation mode, no gradients, float32, on the device."""
    return network.eval().requires_grad_(False).to(device=device, dtype=torch.float32)


def seeded(seed: int, build: Any) -> nn.Module:
    """Build a network with random weights that depend on the seed alone."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        network: nn.Module = build()
    return network
