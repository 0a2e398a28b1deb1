"""Log-mel spectrogram: 64 bands, 25 ms windows, 100 steps per second. No weights.

`deltas`: 1 adds the differences of the bands over time, 2 also the differences of those.
"""

from extract.backbones._speech.spectral import LogBands, Spectral
from extract.network.compute import CPU, Compute

MODALITY = "audio"
VERSION = 1
RANGES = {"num_bands": (1, 128), "deltas": (0, 2)}


def load(compute: Compute, *, num_bands: int = 64, deltas: int = 0) -> Spectral:
    """Load the spectrogram with a number of mel bands."""
    return Spectral(LogBands(num_bands), num_bands, VERSION, compute, deltas)


def tiny() -> Spectral:
    """The spectrogram with 16 bands."""
    return load(CPU, num_bands=16)
