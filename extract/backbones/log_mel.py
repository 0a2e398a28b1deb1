"""Log-mel spectrogram: 64 bands, 25 ms windows, 100 steps per second. No weights.

Windows lie wholly inside the signal (no padding at its ends), so a step depends on its own
25 ms alone; a shorter clip is lengthened to one window with zeros.
"""

from collections.abc import Sequence
from typing import Any

import torch
import torchaudio
from torch import Tensor

from extract.backbone import Example
from extract.media.audio import Samples
from extract.media.resample import lengthen, resample

MODALITY = "audio"
VERSION = 1
RANGES = {"num_bands": (1, 128)}
SAMPLE_HZ = 16_000
WINDOW = 400
HOP = 160
# About -100 dB for samples in [-1, 1]: silence becomes a finite floor.
FLOOR = 1e-10


class LogMel:
    """Band energies on a natural logarithmic scale."""

    modality = MODALITY
    version = VERSION
    layers = (0,)
    weights_digest = ""
    rate_hz = SAMPLE_HZ / HOP
    first_step_s = WINDOW / 2 / SAMPLE_HZ
    nominal_steps = 400
    budget = 20_000

    def __init__(self, num_bands: int, device: torch.device) -> None:
        self.reading: dict[str, Any] = {}
        self.dim = num_bands
        self.device = device
        self.mel = torchaudio.transforms.MelSpectrogram(
            SAMPLE_HZ, n_fft=WINDOW, hop_length=HOP, n_mels=num_bands, center=False
        ).to(device)

    def prepare(self, media: tuple[Samples, int]) -> Example:
        samples, rate_hz = media
        return Example(lengthen(resample(samples, rate_hz, SAMPLE_HZ), WINDOW))

    def cost(self, example: Example) -> int:
        return 1 + (len(example.values) - WINDOW) // HOP

    def encode(self, examples: Sequence[Example]) -> list[Tensor]:
        padded = torch.nn.utils.rnn.pad_sequence([e.values for e in examples], batch_first=True)
        bands = self.mel(padded.to(self.device)).clamp_min(FLOOR).log().transpose(1, 2).cpu()
        return [
            track[None, : self.cost(example)].contiguous()
            for track, example in zip(bands, examples, strict=True)
        ]


def load(device: torch.device, *, num_bands: int = 64) -> LogMel:
    """Load the spectrogram with a number of mel bands."""
    return LogMel(num_bands, device)


def tiny() -> LogMel:
    """The spectrogram with 16 bands."""
    return LogMel(16, torch.device("cpu"))
