"""Networks on waveforms: a convolutional part on every window alone, a transformer in batches.

Convolutions make one step of 20 ms each from 25 ms of sound; a transformer follows. The base
networks of the Hugging Face library normalise over time in the convolutional part, and a padded
batch changes what they say (relative error 0.3 to 0.8, with a mask or without). So that part runs
on every window alone, and the transformer, where a mask is exact, in batches.
"""

from collections.abc import Sequence
from typing import Any, Protocol

import torch
from torch import Tensor, nn

from extract.backbone import Reading, Window, freeze
from extract.backbones._layers import chosen_layers
from extract.backbones._waveform import SAMPLE_HZ, WaveformInput
from extract.compute import Compute
from extract.windows import Windowing


class SpeechNetwork(Protocol):
    """A network in its two parts. `field` and `hop` are the samples of a step and between steps."""

    dim: int
    num_layers: int
    field: int
    hop: int

    def convolve(self, waveform: Tensor) -> Tensor:
        """One waveform `(N,)` to its steps `(T, C)`."""

    def __call__(self, convolved: Tensor, mask: Tensor, layers: Sequence[int]) -> Tensor:
        """Steps `(B, T, C)`, True in `mask` `(B, T)` where real, to the states of some layers.

        They are `(B, L, T, dim)`, float32; layer 0 is what enters the transformer.
        """


class Speech:
    """A waveform network; `variance_floor` says how clips are scaled (None: not at all)."""

    modality = "audio"
    version = 1
    nominal_steps = 200

    def __init__(
        self,
        network: Any,
        weights_digest: str,
        compute: Compute,
        *,
        variance_floor: float | None,
        layers: Sequence[int] | None = None,
        window_s: float = 60.0,
        overlap_s: float = 10.0,
    ) -> None:
        parts: SpeechNetwork = network
        self.reading = Reading(("audio",))
        self.network: Any = freeze(network, compute)
        self.weights_digest = weights_digest
        self.compute = compute
        self.dim = parts.dim
        self.layers = chosen_layers(layers, parts.num_layers)
        self.rate_hz = SAMPLE_HZ / parts.hop
        self.first_step_s = parts.field / 2 / SAMPLE_HZ
        windowing = Windowing.seconds(window_s, overlap_s, self.rate_hz)
        self.prepare = WaveformInput(parts.field, parts.hop, variance_floor, windowing)
        self.budget = compute.pick(cpu=512, cuda=16_384)

    def cost(self, window: Window) -> int:
        return self.prepare.num_steps(len(window.values))

    def encode(self, windows: Sequence[Window]) -> list[Tensor]:
        waveforms = [self.compute.put(window.values) for window in windows]
        convolved = [self.network.convolve(waveform) for waveform in waveforms]
        lengths = [len(steps) for steps in convolved]
        padded = nn.utils.rnn.pad_sequence(convolved, batch_first=True)
        steps = torch.arange(padded.shape[1], device=self.compute.device)
        mask = steps[None] < self.compute.put(torch.tensor(lengths))[:, None]
        kept = self.network(padded, mask, self.layers)
        return [track[:, :length] for track, length in zip(kept, lengths, strict=True)]


def receptive_field(kernels: Sequence[int], strides: Sequence[int]) -> tuple[int, int]:
    """How many samples one step of stacked convolutions sees, and the samples between steps."""
    field, hop = 1, 1
    for kernel, stride in zip(kernels, strides, strict=True):
        field += (kernel - 1) * hop
        hop *= stride
    return field, hop
