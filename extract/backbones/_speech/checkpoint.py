"""The waveform networks of the Hugging Face library: wav2vec 2.0 and its relatives.

Padding leaks in again after the first of several positional convolutions; it is zeroed after each.
"""

import warnings
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from torch import Tensor, nn
from transformers import AutoFeatureExtractor

from extract.backbones._layers import layer_states
from extract.backbones._speech.encoder import NormOverTime, Speech, receptive_field
from extract.backbones._speech.waveform import SAMPLE_HZ
from extract.network.backbone import seeded
from extract.network.checkpoint_folders import checkpoint_folder, digest_checkpoint
from extract.network.checkpoints import load_part, load_pretrained
from extract.network.compute import CPU, Compute
from extract.network.preprocessing_files import AUDIO
from features.errors import ProjectError
from features.files import digest_json

# The library adds this to the variance before it divides.
VARIANCE_FLOOR = 1e-7


class HfSpeechNetwork(nn.Module):
    """A network of the library in its two parts."""

    def __init__(self, library: Any) -> None:
        super().__init__()
        self.library: Any = library
        self.dim = int(library.config.hidden_size)
        self.num_layers = int(library.config.num_hidden_layers)
        self.field, self.hop = receptive_field(
            library.config.conv_kernel, library.config.conv_stride
        )
        self.biased = library.config.model_type == "wavlm"
        first = library.feature_extractor.conv_layers[0]
        if isinstance(getattr(first, "layer_norm", None), nn.GroupNorm):
            first.layer_norm = NormOverTime(first.layer_norm)

    def convolve(self, waveforms: Tensor, num_samples: Tensor | None = None) -> Tensor:
        """Waveforms `(B, N)` to their steps `(B, T, C)`; see `SpeechNetwork`."""
        first = self.library.feature_extractor.conv_layers[0]
        norm = getattr(first, "layer_norm", None)
        if isinstance(norm, NormOverTime) and num_samples is not None:
            kernel, stride = first.conv.kernel_size[0], first.conv.stride[0]
            norm.lengths = (num_samples - kernel) // stride + 1
        try:
            steps: Tensor = self.library.feature_extractor(waveforms).transpose(1, 2)
        finally:
            if isinstance(norm, NormOverTime):
                norm.lengths = None
        return steps

    def forward(self, convolved: Tensor, mask: Tensor, layers: Sequence[int]) -> Tensor:
        """The states of the layers; see `SpeechNetwork`."""
        projected = self.library.feature_projection(convolved)
        hidden = projected[0] if isinstance(projected, tuple) else projected
        encoder = self.library.encoder
        with zeroed_padding(encoder.pos_conv_embed, mask), warnings.catch_warnings():
            # WavLM hands torch a mask and a bias of different types, which is still exact.
            warnings.filterwarnings("ignore", message="Support for mismatched key_padding_mask")
            with layer_states(encoder.layers, layers) as stacked:
                return stacked(encoder(hidden, attention_mask=mask)[0])


@contextmanager
def zeroed_padding(positional: nn.Module, mask: Tensor) -> Iterator[None]:
    """Set padding to zero after each layer inside a positional convolution `(B, D, T)`."""
    inside = [*getattr(positional, "layers", ()), getattr(positional, "batch_norm", None)]
    with ExitStack() as hooks:
        for layer in inside:
            if layer is not None:
                hook = layer.register_forward_hook(
                    lambda module, inputs, output: output * mask[:, None]
                )
                hooks.callback(hook.remove)
        yield


def load_speech(
    kind: Any,
    compute: Compute,
    checkpoint: str,
    revision: str | None,
    normalise: bool | None,
    *,
    version: int,
    **settings: Any,
) -> Speech:
    """Load a network of the class `kind` from a folder or a pinned hub repository.

    A recording longer than `window_s` is cut into windows that share `overlap_s`. `normalise` says
    whether clips are scaled, where the checkpoint does not state it.
    """
    folder = checkpoint_folder(checkpoint, revision)
    digest = digest_checkpoint(folder)
    library = load_pretrained(kind, folder, compute, [kind.config_class.model_type])
    if getattr(library.config, "add_adapter", False):
        raise ProjectError(
            f"the checkpoint in {folder} has an adapter after its transformer (add_adapter), "
            "which this backbone does not run; give a checkpoint without one"
        )
    floor = VARIANCE_FLOOR if _normalises(folder, normalise) else None
    network = HfSpeechNetwork(library)
    return Speech(network, digest, compute, version, variance_floor=floor, **settings)


def random_speech(
    kind: Any, config: Any, compute: Compute, version: int, seed: int = 0, **settings: Any
) -> Speech:
    """A network of the class `kind` with random weights drawn from a seed."""
    network = seeded(seed, lambda: HfSpeechNetwork(kind(config)))
    digest = digest_json(["random", seed])
    return Speech(network, digest, compute, version, variance_floor=VARIANCE_FLOOR, **settings)


def tiny_speech(kind: Any, version: int, **sizes: Any) -> Speech:
    """Two transformer layers of width 16 after the base network's seven convolutions."""
    config = kind.config_class(
        hidden_size=16,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=32,
        conv_dim=(8,) * 7,
        num_conv_pos_embedding_groups=2,
        **sizes,
    )
    return random_speech(kind, config, CPU, version, layers=[0, 1, 2])


def _normalises(folder: Path, normalise: bool | None) -> bool:
    """Whether each clip is scaled: what the checkpoint states, else what the settings say."""
    stated = AUDIO.settings(folder)
    if stated is not None:
        sample_hz = load_part(AutoFeatureExtractor, folder).sampling_rate
        if sample_hz != SAMPLE_HZ:
            raise ProjectError(
                f"the checkpoint in {folder} reads audio of {sample_hz} Hz; only networks for "
                f"{SAMPLE_HZ} Hz are supported"
            )
    scales = None if stated is None else stated.get("do_normalize")
    if scales is not None and normalise is not None:
        raise ProjectError(
            f"normalise is {normalise}, but the preprocessing of the checkpoint in {folder} states "
            f"do_normalize: {scales}. Leave normalise out."
        )
    if scales is None and normalise is None:
        raise ProjectError(
            f"the checkpoint in {folder} does not state whether clips are scaled (do_normalize in "
            "preprocessor_config.json), which changes tracks by up to 4 %. Copy that file from the "
            "published checkpoint, or set normalise: true or false."
        )
    return bool(normalise if scales is None else scales)
