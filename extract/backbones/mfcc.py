"""Mel-frequency cepstral coefficients: 25 ms windows, 100 steps per second. No weights.

The orthonormal discrete cosine transform (type II) of the log-mel bands; coefficient 0, the
loudness, is the first. No liftering, no deltas: a head that needs differences learns them.
"""

import torchaudio
from torch import Tensor, nn

from extract.backbones._speech.spectral import LogBands, Spectral
from extract.network.compute import CPU, Compute
from features.errors import ProjectError

MODALITY = "audio"
VERSION = 1
RANGES = {"num_bands": (1, 128), "num_coefficients": (1, 128)}


class Cepstrum(nn.Module):
    """Coefficients `(B, num_coefficients, T)` of waveforms."""

    def __init__(self, num_bands: int, num_coefficients: int) -> None:
        super().__init__()
        self.bands = LogBands(num_bands)
        matrix = torchaudio.functional.create_dct(num_coefficients, num_bands, norm="ortho")
        self.register_buffer("matrix", matrix.T)

    def forward(self, waveforms: Tensor) -> Tensor:
        coefficients: Tensor = self.matrix @ self.bands(waveforms)
        return coefficients


def load(compute: Compute, *, num_coefficients: int = 40, num_bands: int = 64) -> Spectral:
    """Load the transform; there are at most as many coefficients as bands."""
    if num_coefficients > num_bands:
        raise ProjectError(
            f"num_coefficients is {num_coefficients} and num_bands is {num_bands}; there are at "
            "most as many coefficients as bands"
        )
    return Spectral(Cepstrum(num_bands, num_coefficients), num_coefficients, VERSION, compute)


def tiny() -> Spectral:
    """8 coefficients of 16 bands."""
    return load(CPU, num_coefficients=8, num_bands=16)
