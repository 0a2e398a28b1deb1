"""data2vec for audio (base, large) of the Hugging Face library: 50 steps per second.

`layers` counts from 0 (the input of the transformer) to its number of layers. See
``_speech.py`` for what keeps batches exact: here padding leaks through positional convolutions.
"""

from transformers import Data2VecAudioModel

from extract.backbones._speech.checkpoint import load_speech, tiny_speech
from extract.backbones._speech.encoder import Speech
from extract.network.compute import Compute

MODALITY = "audio"
VERSION = 1
RANGES = {"layers": (0, None), "window_s": (1, 600), "overlap_s": (0, 300)}


def load(
    compute: Compute,
    *,
    checkpoint: str,
    revision: str | None = None,
    layers: list[int] | None = None,
    window_s: float = 60.0,
    overlap_s: float = 10.0,
    normalise: bool | None = None,
) -> Speech:
    """Load a folder or a pinned hub repository.

    A recording longer than `window_s` is cut into windows that share `overlap_s`. `normalise` says
    whether clips are scaled, where the checkpoint does not state it.
    """
    settings = {"layers": layers, "window_s": window_s, "overlap_s": overlap_s}
    return load_speech(Data2VecAudioModel, compute, checkpoint, revision, normalise, **settings)


def tiny() -> Speech:
    """Two transformer layers of width 16 behind the base network's seven convolutions."""
    return tiny_speech(Data2VecAudioModel, conv_pos_kernel_size=5)
