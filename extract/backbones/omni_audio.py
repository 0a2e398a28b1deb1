"""The audio tower of Qwen2.5-Omni: 25 steps per second, as wide as its language model.

The tower attends within stretches of two seconds and nothing crosses their borders, so each is a
window of its own and recordings may have any length. A step is an input of the language model:
two states of 20 ms, averaged, normalised and projected. A recording of less than 30 ms is
lengthened with silence. Nothing else of a checkpoint is loaded. `checkpoint: tiny` is a random
network, drawn from `seed`, that needs no file.
"""

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor
from transformers import Qwen2_5OmniConfig, WhisperFeatureExtractor

from extract.backbones._speech.omni_tower import Tower, save_tower
from extract.backbones._speech.waveform import SAMPLE_HZ
from extract.media.audio import Samples
from extract.media.resample import resample
from extract.network.backbone import Example, Reading, Window, freeze, seeded
from extract.network.checkpoint_folders import checkpoint_folder, digest_checkpoint
from extract.network.checkpoints import load_part, load_pretrained
from extract.network.compute import CPU, Compute
from features.errors import ProjectError

MODALITY = "audio"
VERSION = 1
RANGES = {"seed": (0, 4294967295)}
HOP = 160
# Bands of fewer columns give no step.
LEAST_COLUMNS = 3


@dataclass(frozen=True)
class OmniInput:
    """Resamples a recording and cuts its log-mel bands into stretches of `num_columns`."""

    extractor: WhisperFeatureExtractor
    num_columns: int

    def __call__(self, media: tuple[Samples, int]) -> Example:
        waveform = resample(*media, SAMPLE_HZ).numpy()
        bands = self.bands(np.pad(waveform, (0, max(0, LEAST_COLUMNS * HOP - len(waveform)))))
        stretches = [
            bands[:, start : start + self.num_columns]
            for start in range(0, bands.shape[1], self.num_columns)
        ]
        return Example(tuple(Window(s) for s in stretches if s.shape[1] >= LEAST_COLUMNS))

    def bands(self, waveform: Samples) -> Any:
        """The bands `(num_bands, N)`, one column each 10 ms, with silence after the recording."""
        num_columns = -(-len(waveform) // HOP)
        padded = np.pad(waveform, (0, (num_columns + LEAST_COLUMNS) * HOP - len(waveform)))
        output = self.extractor(
            padded, sampling_rate=SAMPLE_HZ, padding="do_not_pad", truncation=False
        )
        return np.asarray(output["input_features"][0], np.float32)[:, :num_columns]


class OmniAudio:
    """The audio tower."""

    modality = MODALITY
    version = VERSION
    reading = Reading((MODALITY,))
    rate_hz = SAMPLE_HZ / HOP / 4
    # Between the first two states, at 0 and 20 ms.
    first_step_s = 0.01
    nominal_steps = 100

    def __init__(
        self,
        network: Tower,
        weights_digest: str,
        extractor: WhisperFeatureExtractor,
        compute: Compute,
    ) -> None:
        config = network.config.thinker_config.audio_config
        self.network: Any = freeze(network, compute)
        self.weights_digest = weights_digest
        self.compute = compute
        self.dim = int(config.output_dim)
        self.layers = (int(config.encoder_layers),)
        self.prepare = OmniInput(extractor, 2 * config.n_window)
        self.budget = compute.pick(cpu=1000, cuda=32_000)

    def cost(self, window: Window) -> int:
        return int(window.values.shape[1])

    def encode(self, windows: Sequence[Window]) -> list[Tensor]:
        return self.padded(windows) if self.compute.on_gpu else self.packed(windows)

    def packed(self, windows: Sequence[Window]) -> list[Tensor]:
        """By the library's own forward, which takes the stretches one after another."""
        lengths = torch.tensor([self.cost(window) for window in windows])
        bands = np.concatenate([window.values for window in windows], axis=1)
        output = self.network.audio_tower(self.compute.put(bands), feature_lens=lengths)
        num_steps = ((lengths + 1) // 2 // 2).tolist()
        return [track[None] for track in output.last_hidden_state.float().split(num_steps)]

    def padded(self, windows: Sequence[Window]) -> list[Tensor]:
        """As rows of one batch; the library's forward would synchronise in every layer."""
        lengths = np.array([self.cost(window) for window in windows])
        num_bands = windows[0].values.shape[0]
        bands = np.zeros((len(windows), num_bands, lengths.max()), np.float32)
        for row, window in zip(bands, windows, strict=True):
            row[:, : window.values.shape[1]] = window.values
        put = self.compute.put
        steps = self.network.steps(put(bands), put(lengths))
        num_steps = (lengths + 1) // 2 // 2
        return [track[None, :number] for track, number in zip(steps, num_steps, strict=True)]


def load(
    compute: Compute, *, checkpoint: str, revision: str | None = None, seed: int = 0
) -> OmniAudio:
    """Load the tower from a folder, a pinned hub repository, or `tiny`."""
    if checkpoint == "tiny":
        with tempfile.TemporaryDirectory() as name:
            save_tiny(Path(name), seed)
            return load(compute, checkpoint=name)
    folder = checkpoint_folder(checkpoint, revision)
    digest = digest_checkpoint(folder)
    network = load_pretrained(Tower, folder, compute, ["qwen2_5_omni"])
    extractor = load_part(WhisperFeatureExtractor, folder)
    config = network.config.thinker_config.audio_config
    stated = (extractor.sampling_rate, extractor.hop_length, extractor.feature_size)
    if stated != (SAMPLE_HZ, HOP, config.num_mel_bins):
        raise ProjectError(
            f"the preprocessing of the checkpoint in {folder} does not fit its network: sample "
            f"rate, hop and bands are {stated}, and should be "
            f"{(SAMPLE_HZ, HOP, config.num_mel_bins)}. Copy both from the same published "
            "checkpoint."
        )
    return OmniAudio(network, digest, extractor, compute)


def save_tiny(folder: Path, seed: int) -> None:
    """Save a tower of two layers of width 16 in the library's own format."""
    audio = {
        "d_model": 16, "encoder_layers": 2, "encoder_attention_heads": 2, "encoder_ffn_dim": 32,
        "num_mel_bins": 8, "output_dim": 24,
    }  # fmt: skip
    config = Qwen2_5OmniConfig(thinker_config={"audio_config": audio})
    save_tower(seeded(seed, lambda: Tower(config)), folder)
    WhisperFeatureExtractor(feature_size=8).save_pretrained(folder)


def tiny() -> OmniAudio:
    """Two layers of width 16, read back from a saved checkpoint."""
    return load(CPU, checkpoint="tiny")
