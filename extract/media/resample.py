"""Changes the rate of decoded samples."""

import math

import torch
import torchaudio.functional
from torch import Tensor

from extract.media.audio import Samples
from extract.media.errors import UnreadableError

# 44,100 to 16,000 Hz is 441 to 160.
MAX_RATIO = 2000


def resample(samples: Samples, from_hz: int, to_hz: int) -> Tensor:
    """Samples `(N,)` at another rate, band-limited (windowed sinc); unchanged at the same rate.

    Raises UnreadableError for a rate such as 44,101 Hz, which has no usable ratio to the other:
    the filter would take gigabytes.
    """
    waveform = torch.from_numpy(samples)
    if from_hz == to_hz:
        return waveform
    if max(from_hz, to_hz) // math.gcd(from_hz, to_hz) > MAX_RATIO:
        detail = f"its sample rate of {from_hz} Hz cannot be converted to {to_hz} Hz"
        raise UnreadableError("undecodable", detail)
    resampled: Tensor = torchaudio.functional.resample(waveform, from_hz, to_hz)
    return resampled


def lengthen(waveform: Tensor, num_samples: int) -> Tensor:
    """The waveform with zeros after it, at least `num_samples` long."""
    return torch.nn.functional.pad(waveform, (0, max(0, num_samples - len(waveform))))
