"""The waveform networks of the Hugging Face library: wav2vec 2.0 and its relatives.

Positional convolutions of several layers let padding in again after the first; it is zeroed after
each of them.
"""

import warnings
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from torch import Tensor, nn
from transformers import AutoFeatureExtractor

from extract.backbone import seeded
from extract.backbones._layers import layer_states
from extract.backbones._speech import Speech, receptive_field
from extract.backbones._waveform import SAMPLE_HZ
from extract.checkpoint_folders import checkpoint_folder, digest_checkpoint
from extract.checkpoints import load_part, load_pretrained
from extract.compute import CPU, Compute
from features.errors import ProjectError
from features.files import digest_json

PREPROCESSING_FILES = ("preprocessor_config.json", "processor_config.json")
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

    def convolve(self, waveform: Tensor) -> Tensor:
        """One waveform `(N,)` to its steps `(T, C)`."""
        steps: Tensor = self.library.feature_extractor(waveform[None])[0].T
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
                hook = layer.register_forward_hook(lambda _, given, out: out * mask[:, None])
                hooks.callback(hook.remove)
        yield


def load_speech(
    kind: Any, compute: Compute, checkpoint: str, revision: str | None, **settings: Any
) -> Speech:
    """Load a network of the class `kind` from a folder or a pinned hub repository."""
    folder = checkpoint_folder(checkpoint, revision)
    digest = digest_checkpoint(folder)
    library = load_pretrained(kind, folder, compute, [kind.config_class.model_type])
    if getattr(library.config, "add_adapter", False):
        raise ProjectError(
            f"the checkpoint in {folder} has an adapter behind its transformer (add_adapter), "
            "which this backbone does not run; give a checkpoint without one"
        )
    floor = VARIANCE_FLOOR if _normalises(folder) else None
    return Speech(HfSpeechNetwork(library), digest, compute, variance_floor=floor, **settings)


def random_speech(
    kind: Any, config: Any, compute: Compute, seed: int = 0, **settings: Any
) -> Speech:
    """A network of the class `kind` with random weights drawn from a seed."""
    network = seeded(seed, lambda: HfSpeechNetwork(kind(config)))
    digest = digest_json(["random", seed])
    return Speech(network, digest, compute, variance_floor=VARIANCE_FLOOR, **settings)


def tiny_speech(kind: Any, **sizes: Any) -> Speech:
    """Two transformer layers of width 16 behind the base network's seven convolutions."""
    config = kind.config_class(
        hidden_size=16,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=32,
        conv_dim=(8,) * 7,
        num_conv_pos_embedding_groups=2,
        **sizes,
    )
    return random_speech(kind, config, CPU, layers=[0, 1, 2])


def _normalises(folder: Path) -> bool:
    """Whether the checkpoint's preprocessing scales each clip; the library's default is yes."""
    if not any((folder / name).is_file() for name in PREPROCESSING_FILES):
        return True
    extractor = load_part(AutoFeatureExtractor, folder)
    if extractor.sampling_rate != SAMPLE_HZ:
        raise ProjectError(
            f"the checkpoint in {folder} reads sound of {extractor.sampling_rate} Hz; only "
            f"networks for {SAMPLE_HZ} Hz are known"
        )
    return bool(extractor.do_normalize)
