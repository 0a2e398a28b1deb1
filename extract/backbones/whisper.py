"""The encoder of Whisper of the Hugging Face library: 50 steps per second.

The network reads log-mel bands of 30 s at a time; a shorter clip is padded with silence, as in the
library, and only the steps whose middle is within the clip are kept. A longer recording
is cut into windows of 30 s that share `overlap_s`. `layers` counts from 0 (the input of the first
layer) to its number of layers; the last is taken after the final norm.
"""

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from torch import Tensor
from transformers import WhisperConfig, WhisperFeatureExtractor, WhisperModel

from extract.backbones._layers import chosen_layers, layer_states
from extract.backbones._speech.waveform import SAMPLE_HZ
from extract.media.audio import Samples
from extract.media.resample import resample
from extract.network.backbone import Example, Reading, Window, freeze, seeded
from extract.network.checkpoint_folders import checkpoint_folder, digest_checkpoint
from extract.network.checkpoints import load_part, load_pretrained
from extract.network.compute import CPU, Compute
from extract.network.windows import Windowing
from features.errors import ProjectError

MODALITY = "audio"
VERSION = 1
RANGES = {"layers": (0, None), "overlap_s": (0, 29)}
HOP = 320


@dataclass(frozen=True)
class WhisperInput:
    """Resamples and cuts a recording, and makes the log-mel bands of each window."""

    extractor: WhisperFeatureExtractor
    windowing: Windowing

    def __call__(self, media: tuple[Samples, int]) -> Example:
        waveform = resample(*media, SAMPLE_HZ).numpy()
        cuts = self.windowing.cuts(-(-len(waveform) // HOP))
        stretches = [waveform[cut.start * HOP : cut.stop * HOP] for cut in cuts]
        return Example(
            tuple(
                Window(self.bands(stretch), cut.keep)
                for cut, stretch in zip(cuts, stretches, strict=True)
            )
        )

    def bands(self, waveform: Samples) -> Any:
        """The bands `(num_bands, 3000)` of a stretch of up to 30 s."""
        output = self.extractor(waveform, sampling_rate=SAMPLE_HZ, return_tensors="np")
        return np.asarray(output["input_features"][0], np.float32)


class Whisper:
    """The encoder of a Whisper network."""

    modality = MODALITY
    version = VERSION
    reading = Reading((MODALITY,))
    rate_hz = SAMPLE_HZ / HOP
    first_step_s = 0.0
    nominal_steps = 200

    def __init__(
        self,
        network: WhisperModel,
        extractor: WhisperFeatureExtractor,
        weights_digest: str,
        layers: Sequence[int] | None,
        overlap_s: float,
        compute: Compute,
    ) -> None:
        self.network: Any = freeze(network.get_encoder(), compute)
        self.weights_digest = weights_digest
        self.compute = compute
        self.dim = int(network.config.d_model)
        self.layers = chosen_layers(layers, network.config.encoder_layers)
        self.window_steps = int(network.config.max_source_positions)
        window_s = self.window_steps / self.rate_hz
        windowing = Windowing.seconds(window_s, overlap_s, self.rate_hz)
        self.prepare = WhisperInput(extractor, windowing)
        self.budget = compute.pick(cpu=self.window_steps, cuda=16 * self.window_steps)

    def cost(self, window: Window) -> int:
        return self.window_steps

    def encode(self, windows: Sequence[Window]) -> list[Tensor]:
        bands = self.compute.put(np.stack([window.values for window in windows]))
        with layer_states(self.network.layers, self.layers) as stacked:
            return list(stacked(self.network(bands).last_hidden_state))


def load(
    compute: Compute,
    *,
    checkpoint: str,
    revision: str | None = None,
    layers: list[int] | None = None,
    overlap_s: float = 10.0,
) -> Whisper:
    """Load a folder or a pinned hub repository; the decoder is not kept."""
    folder = checkpoint_folder(checkpoint, revision)
    digest = digest_checkpoint(folder)
    network = load_pretrained(WhisperModel, folder, compute, ["whisper"])
    extractor = load_part(WhisperFeatureExtractor, folder)
    _require_fitting(extractor, network.config, folder)
    return Whisper(network, extractor, digest, layers, overlap_s, compute)


def _require_fitting(extractor: Any, config: WhisperConfig, folder: Path) -> None:
    stated = (
        extractor.sampling_rate,
        2 * extractor.hop_length,
        extractor.nb_max_frames,
        extractor.feature_size,
    )
    fitting = (SAMPLE_HZ, HOP, 2 * config.max_source_positions, config.num_mel_bins)
    if stated != fitting:
        raise ProjectError(
            f"the preprocessing of the checkpoint in {folder} does not fit its network: sample "
            f"rate, samples per step, frames per window and mel bands are {stated}, and should be "
            f"{fitting}. Copy both from the same published checkpoint."
        )


def tiny() -> Whisper:
    """Two layers of width 16 over windows of 1 s, read back from a saved checkpoint."""
    config = WhisperConfig(
        d_model=16,
        encoder_layers=2,
        decoder_layers=1,
        encoder_attention_heads=2,
        decoder_attention_heads=2,
        encoder_ffn_dim=32,
        decoder_ffn_dim=32,
        num_mel_bins=8,
        max_source_positions=50,
        vocab_size=8,
        pad_token_id=0,
        bos_token_id=1,
        eos_token_id=2,
        decoder_start_token_id=1,
    )
    with tempfile.TemporaryDirectory() as name:
        WhisperFeatureExtractor(feature_size=8, chunk_length=1).save_pretrained(name)
        seeded(0, lambda: WhisperModel(config)).save_pretrained(name)
        return load(CPU, checkpoint=str(Path(name)), layers=[0, 1, 2], overlap_s=0.2)
