"""Changes the rate of decoded samples."""

import torch
import torchaudio.functional
from torch import Tensor

from extract.media.audio import Samples


def resample(samples: Samples, from_hz: int, to_hz: int) -> Tensor:
    """Samples `(N,)` at another rate, band-limited (windowed sinc); unchanged at the same rate."""
    waveform = torch.from_numpy(samples)
    if from_hz == to_hz:
        return waveform
    resampled: Tensor = torchaudio.functional.resample(waveform, from_hz, to_hz)
    return resampled


def lengthen(waveform: Tensor, num_samples: int) -> Tensor:
    """The waveform with zeros behind it, at least `num_samples` long."""
    return torch.nn.functional.pad(waveform, (0, max(0, num_samples - len(waveform))))
