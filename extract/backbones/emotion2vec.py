"""emotion2vec (base, and plus: seed, base, large): 50 steps per second of 16 kHz speech.

Reads the published folder: ``config.yaml`` and ``model.pt``, the latter as plain tensors; nothing
in it is executed. `layers` counts from 0 (the input of the first transformer block) to the number
of blocks, prenet included; the last is what FunASR gives for ``granularity: frame``. Each clip is
scaled to mean 0 and variance 1 where the config says so. A clip shorter than one window (25 ms) is
lengthened with zeros; a longer one than `window_s` is cut into windows that share `overlap_s`.
"""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from extract.backbone import Window, freeze, seeded
from extract.backbones._emotion2vec_files import read_checkpoint
from extract.backbones._emotion2vec_network import Architecture, Emotion2VecNetwork
from extract.backbones._layers import chosen_layers
from extract.backbones._speech import receptive_field
from extract.backbones._waveform import SAMPLE_HZ, WaveformInput
from extract.checkpoints import checkpoint_folder
from extract.compute import CPU, Compute
from extract.windows import Windowing
from features.files import digest_json

MODALITY = "audio"
VERSION = 1
RANGES = {"layers": (0, None), "window_s": (1, 600), "overlap_s": (0, 300)}
VARIANCE_FLOOR = 1e-5


class Emotion2Vec:
    """An emotion2vec network; `normalise` scales each clip to mean 0 and variance 1."""

    modality = MODALITY
    version = VERSION
    nominal_steps = 200

    def __init__(
        self,
        network: Emotion2VecNetwork,
        weights_digest: str,
        compute: Compute,
        *,
        normalise: bool = True,
        layers: Sequence[int] | None = None,
        window_s: float = 60.0,
        overlap_s: float = 10.0,
    ) -> None:
        self.reading: dict[str, Any] = {}
        self.network: Any = freeze(network, compute)
        self.weights_digest = weights_digest
        self.compute = compute
        self.dim = network.sizes.dim
        self.layers = chosen_layers(layers, len(network.blocks), "emotion2vec")
        _, kernels, strides = zip(*network.sizes.convolutions, strict=True)
        field, hop = receptive_field(kernels, strides)
        self.rate_hz = SAMPLE_HZ / hop
        self.first_step_s = field / 2 / SAMPLE_HZ
        windowing = Windowing.seconds(window_s, overlap_s, self.rate_hz)
        self.prepare = WaveformInput(field, hop, VARIANCE_FLOOR if normalise else None, windowing)
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
        states = self.network(padded, mask)
        kept = torch.stack([states[layer].float() for layer in self.layers], dim=1)
        return [track[:, :length] for track, length in zip(kept, lengths, strict=True)]


def load(
    compute: Compute,
    *,
    checkpoint: str,
    revision: str | None = None,
    layers: list[int] | None = None,
    window_s: float = 60.0,
    overlap_s: float = 10.0,
) -> Emotion2Vec:
    """Load a folder with config.yaml and model.pt, or a pinned hub repository of such files."""
    published = read_checkpoint(checkpoint_folder(checkpoint, revision))
    return Emotion2Vec(
        published.network,
        published.digest,
        compute,
        normalise=published.normalise,
        layers=layers,
        window_s=window_s,
        overlap_s=overlap_s,
    )


def tiny() -> Emotion2Vec:
    """Two blocks of width 16 behind the published strides."""
    sizes = Architecture(
        convolutions=((8, 10, 5), *[(8, 3, 2)] * 4, *[(8, 2, 2)] * 2),
        dim=16,
        num_heads=2,
        mlp_ratio=2.0,
        norm_eps=1e-5,
        num_positional=3,
        positional_kernel=5,
        positional_groups=2,
        num_extra_tokens=2,
        num_scales=1,
        heads_scaled=True,
        prenet_depth=1,
        depth=1,
    )
    network = seeded(0, lambda: Emotion2VecNetwork(sizes))
    return Emotion2Vec(network, digest_json(["random", 0]), CPU, layers=[0, 1, 2])
