"""Networks on waveforms: a convolutional part, then a transformer in padded batches.

Convolutions make one step of 20 ms each from 25 ms of audio; a transformer follows. The base
networks of the Hugging Face library normalise over time in the convolutional part, and a padded
batch changes their output (relative error 0.3 to 0.8, with a mask or without). On a CPU that part
runs on every window alone, which is faster. On a GPU it runs in padded batches: its convolutions
have no padding of their own, so steps within a clip never depend on what follows it, and the norm
over time counts the real steps only (`NormOverTime`). Convolutions in groups are matrix products
there.
"""

from collections.abc import Sequence
from typing import Any, Protocol

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from extract.backbones._layers import chosen_layers
from extract.backbones._speech.grouped import use_grouped_products
from extract.backbones._speech.waveform import SAMPLE_HZ, WaveformInput
from extract.network.backbone import Reading, Window, freeze
from extract.network.compute import Compute
from extract.network.upper import UpperLayers, upper_layers
from extract.network.windows import Windowing
from features.errors import ProjectError

# Steps of a batch.
BUDGET = {"cpu": 512, "cuda": 16_384}
# Samples that are convolved at a time on a GPU: two minutes of audio, some 3 GB. A longer window is
# convolved alone.
FRONT_SAMPLES = 2**21
ROUND_SAMPLES = 6400
# On a GPU a window of this many steps costs twice as much where pairs of steps have biases.
BIASED_STEPS = 1000


class SpeechNetwork(Protocol):
    """A network in its two parts. `field` and `hop` are the samples of a step and between steps.

    `biased`: each pair of steps has its own bias; memory grows with the square of the steps.
    """

    dim: int
    num_layers: int
    field: int
    hop: int
    biased: bool

    def convolve(self, waveforms: Tensor, num_samples: Tensor | None = None) -> Tensor:
        """Waveforms `(B, N)` to their steps `(B, T, C)`.

        `num_samples` `(B,)` are the real ones of each where there is padding; steps that depend on
        padding are arbitrary, but finite.
        """

    def __call__(self, convolved: Tensor, mask: Tensor, layers: Sequence[int]) -> Tensor:
        """Steps `(B, T, C)`, True in `mask` `(B, T)` where real, to the states of some layers.

        They are `(B, L, T, dim)`, float32; layer 0 is what enters the transformer.
        """


class Speech:
    """A waveform network; `variance_floor` says how clips are scaled (None: not at all)."""

    reading = Reading(("audio",))
    modality = reading.modalities[0]
    nominal_steps = 200

    def __init__(
        self,
        network: Any,
        weights_digest: str,
        compute: Compute,
        version: int,
        *,
        variance_floor: float | None,
        layers: Sequence[int] | None = None,
        window_s: float = 60.0,
        overlap_s: float = 10.0,
    ) -> None:
        parts: SpeechNetwork = network
        self.version = version
        self.network: Any = freeze(network, compute)
        if compute.on_gpu:
            use_grouped_products(self.network, compute)
        self.weights_digest = weights_digest
        self.compute = compute
        self.dim = parts.dim
        self.layers = chosen_layers(layers, parts.num_layers)
        self.rate_hz = SAMPLE_HZ / parts.hop
        self.first_step_s = parts.field / 2 / SAMPLE_HZ
        windowing = Windowing.seconds(window_s, overlap_s, self.rate_hz)
        self.prepare = WaveformInput(parts.field, parts.hop, variance_floor, windowing)
        self.budget = compute.pick(**BUDGET)
        self.front_samples = compute.pick(cpu=0, cuda=FRONT_SAMPLES)
        self.biased_steps = compute.pick(cpu=0, cuda=BIASED_STEPS) if parts.biased else 0

    def upper(self, first: int) -> UpperLayers:
        """The layers after the states `first`; see `upper_layers`."""
        library = getattr(self.network, "library", None)
        if library is None:
            raise ProjectError("only networks of the Hugging Face library have layers to train")
        return upper_layers(library, first, self.prepare.windowing.limit)

    def cost(self, window: Window) -> int:
        steps = self.prepare.num_steps(len(window.values))
        return steps + steps**2 // self.biased_steps if self.biased_steps else steps

    def encode(self, windows: Sequence[Window]) -> list[Tensor]:
        lengths = [self.prepare.num_steps(len(window.values)) for window in windows]
        convolved = self._convolved(windows, max(lengths))
        steps = torch.arange(convolved.shape[1], device=convolved.device)
        mask = steps[None] < self.compute.put(np.array(lengths))[:, None]
        states = self.network(convolved, mask, self.layers)
        return [track[:, :length] for track, length in zip(states, lengths, strict=True)]

    def _convolved(self, windows: Sequence[Window], longest: int) -> Tensor:
        """The steps of all windows `(B, longest, C)`."""
        if not self.front_samples:
            alone = [self.compute.put(window.values)[None] for window in windows]
            steps = [self.network.convolve(waveform)[0] for waveform in alone]
            return nn.utils.rnn.pad_sequence(steps, batch_first=True)
        chunks = [self._convolved_chunk(chunk)[:, :longest] for chunk in self._chunks(windows)]
        padded = [functional.pad(c, (0, 0, 0, longest - c.shape[1])) for c in chunks]
        return torch.cat(padded)

    def _convolved_chunk(self, windows: Sequence[Window]) -> Tensor:
        """The steps of a few windows, padded with silence to a round number of samples."""
        counts = [len(window.values) for window in windows]
        waveforms = np.zeros((len(windows), _rounded(max(counts))), np.float32)
        for row, window in zip(waveforms, windows, strict=True):
            row[: len(window.values)] = window.values
        put = self.compute.put
        steps: Tensor = self.network.convolve(put(waveforms), put(np.array(counts)))
        return steps

    def _chunks(self, windows: Sequence[Window]) -> list[list[Window]]:
        """Windows in their order, as many together as `front_samples` allows."""
        chunks: list[list[Window]] = [[]]
        for window in windows:
            longest = _rounded(max(len(w.values) for w in [*chunks[-1], window]))
            if chunks[-1] and (len(chunks[-1]) + 1) * longest > self.front_samples:
                chunks.append([])
            chunks[-1].append(window)
        return chunks


class NormOverTime(nn.Module):
    """A group norm with a group for every channel of `(B, C, T)`: a norm over time.

    `lengths` `(B,)` are the steps that count; the others become the bias. None: all count.
    """

    def __init__(self, norm: nn.GroupNorm) -> None:
        super().__init__()
        self.weight, self.bias, self.eps = norm.weight, norm.bias, norm.eps
        self.lengths: Tensor | None = None

    def forward(self, hidden: Tensor) -> Tensor:
        if self.lengths is None:
            return functional.group_norm(hidden, hidden.shape[1], self.weight, self.bias, self.eps)
        # In place, and never twice as large: this is the largest tensor of the whole network.
        hidden, count = hidden.float(), self.lengths[:, None]
        padding = torch.arange(hidden.shape[2], device=hidden.device) >= count
        hidden.masked_fill_(padding[:, None], 0.0)
        hidden.sub_((hidden.sum(dim=2) / count)[:, :, None])
        hidden.masked_fill_(padding[:, None], 0.0)
        variance = torch.linalg.vector_norm(hidden, dim=2).square() / count
        scale = self.weight * (variance + self.eps).rsqrt()
        return hidden.mul_(scale[:, :, None]).add_(self.bias[:, None])


def _rounded(num_samples: int) -> int:
    """The number of samples, rounded up so that lengths repeat."""
    return -(-num_samples // ROUND_SAMPLES) * ROUND_SAMPLES


def receptive_field(kernels: Sequence[int], strides: Sequence[int]) -> tuple[int, int]:
    """The samples that one step of stacked convolutions spans, and the samples between steps."""
    field, hop = 1, 1
    for kernel, stride in zip(kernels, strides, strict=True):
        field += (kernel - 1) * hop
        hop *= stride
    return field, hop
