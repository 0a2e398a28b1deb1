"""wav2vec 2.0 (base, large, XLS-R) of the Hugging Face library: 50 steps per second.

`layers` counts from 0 (the input of the transformer) to its number of layers.
``_speech/encoder.py`` says what keeps batches exact.
"""

from typing import Any

from transformers import Wav2Vec2Config, Wav2Vec2Model

from extract.backbones._speech.checkpoint import load_speech, random_speech, tiny_speech
from extract.backbones._speech.encoder import Speech
from extract.network.compute import Compute
from features.errors import ProjectError

MODALITY = "audio"
VERSION = 1
RANGES = {
    "layers": (0, None),
    "window_s": (1, 600),
    "overlap_s": (0, 300),
    "seed": (0, 4294967295),
}


def load(
    compute: Compute,
    *,
    checkpoint: str,
    revision: str | None = None,
    layers: list[int] | None = None,
    window_s: float = 60.0,
    overlap_s: float = 10.0,
    normalise: bool | None = None,
    seed: int = 0,
) -> Speech:
    """Load a folder or a pinned hub repository, or the base network with `checkpoint: random`.

    `seed` matters for random weights only; see `load_speech` for the other settings.
    """
    settings: dict[str, Any] = {"layers": layers, "window_s": window_s, "overlap_s": overlap_s}
    if checkpoint == "random":
        if normalise is not None:
            raise ProjectError(
                f"normalise is {normalise} and checkpoint is 'random', a network that always "
                "scales clips. Leave normalise out."
            )
        return random_speech(Wav2Vec2Model, Wav2Vec2Config(), compute, VERSION, seed, **settings)
    return load_speech(
        Wav2Vec2Model, compute, checkpoint, revision, normalise, version=VERSION, **settings
    )


def tiny() -> Speech:
    """See `tiny_speech`."""
    return tiny_speech(Wav2Vec2Model, VERSION, num_conv_pos_embeddings=16)
