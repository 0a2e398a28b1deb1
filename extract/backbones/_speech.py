"""The waveform networks of the Hugging Face library: wav2vec 2.0 and its relatives.

Convolutions make one step of 20 ms each from 25 ms of sound; a transformer follows. The base
networks normalise over time in the convolutional part, and a padded batch changes what they say
(relative error 0.3 to 0.7, with a mask or without). So that part runs on every window alone, and
the transformer, where a mask is exact, in batches. Positional convolutions of several layers
let padding in again after the first; it is zeroed after each of them.
"""

import json
import warnings
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from extract.backbone import Window, freeze
from extract.backbones._layers import chosen_layers, layer_states
from extract.backbones._waveform import SAMPLE_HZ, WaveformInput
from extract.checkpoints import checkpoint_folder, digest_checkpoint, load_pretrained
from extract.compute import Compute
from extract.windows import Windowing

# The library adds this to the variance before it divides.
VARIANCE_FLOOR = 1e-7


class Speech:
    """A waveform network; `normalise` scales each clip to mean 0 and variance 1."""

    modality = "audio"
    version = 1
    nominal_steps = 200

    def __init__(
        self,
        network: Any,
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
        config = network.config
        self.dim = int(config.hidden_size)
        self.layers = chosen_layers(layers, config.num_hidden_layers, config.model_type)
        field, hop = receptive_field(config.conv_kernel, config.conv_stride)
        self.rate_hz = SAMPLE_HZ / hop
        self.first_step_s = field / 2 / SAMPLE_HZ
        self.prepare = WaveformInput(
            field,
            hop,
            VARIANCE_FLOOR if normalise else None,
            Windowing.seconds(window_s, overlap_s, self.rate_hz),
        )
        self.budget = compute.pick(cpu=512, cuda=16_384)

    def cost(self, window: Window) -> int:
        return self.prepare.num_steps(len(window.values))

    def encode(self, windows: Sequence[Window]) -> list[Tensor]:
        waveforms = [self.compute.put(window.values) for window in windows]
        convolved = [self.network.feature_extractor(wave[None])[0].T for wave in waveforms]
        lengths = [len(steps) for steps in convolved]
        padded = nn.utils.rnn.pad_sequence(convolved, batch_first=True)
        projected = self.network.feature_projection(padded)
        hidden = projected[0] if isinstance(projected, tuple) else projected
        steps = torch.arange(hidden.shape[1], device=self.compute.device)
        mask = steps[None] < self.compute.put(torch.tensor(lengths))[:, None]
        encoder = self.network.encoder
        with zeroed_padding(encoder.pos_conv_embed, mask), warnings.catch_warnings():
            # WavLM hands torch a mask and a bias of different types, which is still exact.
            warnings.filterwarnings("ignore", message="Support for mismatched key_padding_mask")
            states = layer_states(
                encoder.layers, lambda: encoder(hidden, attention_mask=mask)[0], self.layers
            )
        return [track[:, :length] for track, length in zip(states, lengths, strict=True)]


def receptive_field(kernels: Sequence[int], strides: Sequence[int]) -> tuple[int, int]:
    """How many samples one step of stacked convolutions sees, and the samples between steps."""
    field, hop = 1, 1
    for kernel, stride in zip(kernels, strides, strict=True):
        field += (kernel - 1) * hop
        hop *= stride
    return field, hop


@contextmanager
def zeroed_padding(positional: nn.Module, mask: Tensor) -> Iterator[None]:
    """Set padding to zero after each layer inside a positional convolution `(B, D, T)`."""
    inside = [*getattr(positional, "layers", ()), getattr(positional, "batch_norm", None)]
    with ExitStack() as hooks:
        for layer in inside:
            if layer is not None:
                hook = layer.register_forward_hook(lambda _, given, out: out * mask[:, None])
                hooks.callback(hook.remove)
        yield


def load_speech(
    kind: Any, compute: Compute, checkpoint: str, revision: str | None, **settings: Any
) -> Speech:
    """Load a network of the class `kind` from a folder or a pinned hub repository."""
    folder = checkpoint_folder(checkpoint, revision)
    digest = digest_checkpoint(folder)
    network = load_pretrained(kind, folder, compute, [kind.config_class.model_type])
    return Speech(network, digest, compute, normalise=_normalises(folder), **settings)


def _normalises(folder: Path) -> bool:
    """Whether the checkpoint's preprocessing scales each clip; the library's default is yes."""
    file = folder / "preprocessor_config.json"
    return bool(json.loads(file.read_text()).get("do_normalize", True)) if file.exists() else True
