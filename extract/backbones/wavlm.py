"""WavLM (base, base-plus, large) of the Hugging Face library: 50 steps per second.

`layers` counts from 0 (the input of the transformer) to its number of layers. Its gated
relative positions have no SDPA kernel. ``_speech/encoder.py`` says what keeps batches exact.
"""

from transformers import WavLMModel

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
    """Load a folder or a pinned hub repository; see `load_speech` for the settings."""
    return load_speech(
        WavLMModel, compute, checkpoint, revision, normalise,
        version=VERSION, layers=layers, window_s=window_s, overlap_s=overlap_s,
    )  # fmt: skip


def tiny() -> Speech:
    """See `tiny_speech`."""
    return tiny_speech(WavLMModel, VERSION, num_conv_pos_embeddings=16)
