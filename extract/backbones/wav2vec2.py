"""wav2vec 2.0 of the Hugging Face library: 50 steps per second of 16 kHz speech.

`layers` counts from 0 (the input of the transformer) to its number of layers. The convolutional
part normalises over time in the base network, and a padded batch changes it (relative error 0.3
to 0.7, with a mask or without). So it runs on every clip alone, and only the transformer, where a
mask is exact, runs in batches. A clip shorter than one window (25 ms) is lengthened with zeros.
"""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from transformers import Wav2Vec2Config, Wav2Vec2Model

from extract.backbone import Example, freeze, seeded
from extract.backbones.hf_text import chosen_layers
from extract.checkpoints import checkpoint_folder, digest_checkpoint, load_pretrained
from extract.media.audio import Samples
from extract.media.resample import lengthen, resample
from features.files import digest_json

MODALITY = "audio"
VERSION = 1
RANGES = {"seed": (0, 4294967295), "layers": (0, None)}
SAMPLE_HZ = 16_000
WINDOW = 400
HOP = 320
# The library adds this to the variance before it divides.
VARIANCE_FLOOR = 1e-7


class Wav2Vec2:
    """A wav2vec 2.0 network; `normalise` scales each clip to mean 0 and variance 1."""

    modality = MODALITY
    version = VERSION
    rate_hz = SAMPLE_HZ / HOP
    first_step_s = WINDOW / 2 / SAMPLE_HZ
    nominal_steps = 200
    budget = 1000

    def __init__(
        self,
        network: Wav2Vec2Model,
        normalise: bool,
        weights_digest: str,
        layers: Sequence[int] | None,
        device: torch.device,
    ) -> None:
        self.reading: dict[str, Any] = {}
        self.network: Any = freeze(network, device)
        self.normalise = normalise
        self.weights_digest = weights_digest
        self.device = device
        self.dim = int(network.config.hidden_size)
        self.layers = chosen_layers(layers, network.config.num_hidden_layers, "wav2vec2")

    def prepare(self, media: tuple[Samples, int]) -> Example:
        samples, rate_hz = media
        waveform = resample(samples, rate_hz, SAMPLE_HZ)
        if self.normalise:
            spread = torch.sqrt(waveform.var(correction=0) + VARIANCE_FLOOR)
            waveform = (waveform - waveform.mean()) / spread
        return Example(lengthen(waveform, WINDOW))

    def cost(self, example: Example) -> int:
        return 1 + (len(example.values) - WINDOW) // HOP

    def encode(self, examples: Sequence[Example]) -> list[Tensor]:
        convolved = [
            self.network.feature_extractor(example.values[None].to(self.device))[0].T
            for example in examples
        ]
        lengths = torch.tensor([len(steps) for steps in convolved], device=self.device)
        padded = torch.nn.utils.rnn.pad_sequence(convolved, batch_first=True)
        hidden, _ = self.network.feature_projection(padded)
        mask = torch.arange(hidden.shape[1], device=self.device)[None] < lengths[:, None]
        inputs: list[Tensor] = []
        hooks = [
            layer.register_forward_pre_hook(lambda _, given: inputs.append(given[0]))
            for layer in self.network.encoder.layers
        ]
        try:
            last = self.network.encoder(hidden, attention_mask=mask)[0]
        finally:
            for hook in hooks:
                hook.remove()
        states = [*inputs, last]
        kept = torch.stack([states[layer] for layer in self.layers], dim=1).float().cpu()
        return [
            track[:, : len(steps)].contiguous()
            for track, steps in zip(kept, convolved, strict=True)
        ]


def load(
    device: torch.device,
    *,
    checkpoint: str,
    revision: str | None = None,
    layers: list[int] | None = None,
    seed: int = 0,
) -> Wav2Vec2:
    """Load a folder or a pinned hub repository, or the base network with `checkpoint: random`.

    `seed` matters for random weights only.
    """
    if checkpoint == "random":
        network = seeded(seed, lambda: Wav2Vec2Model(Wav2Vec2Config()))
        return Wav2Vec2(network, True, digest_json(["random", seed]), layers, device)
    folder = checkpoint_folder(checkpoint, revision)
    digest = digest_checkpoint(folder)
    network = load_pretrained(Wav2Vec2Model, folder)
    return Wav2Vec2(network, _normalises(folder), digest, layers, device)


def tiny() -> Wav2Vec2:
    """Two transformer layers of width 16 behind the base network's seven convolutions."""
    config = Wav2Vec2Config(
        hidden_size=16,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=32,
        conv_dim=(8,) * 7,
        num_conv_pos_embeddings=16,
        num_conv_pos_embedding_groups=2,
    )
    network = seeded(0, lambda: Wav2Vec2Model(config))
    return Wav2Vec2(network, True, digest_json(["random", 0]), [0, 1, 2], torch.device("cpu"))


def _normalises(folder: Path) -> bool:
    """Whether the checkpoint's preprocessing scales each clip; the library's default is yes."""
    file = folder / "preprocessor_config.json"
    return bool(json.loads(file.read_text()).get("do_normalize", True)) if file.exists() else True
