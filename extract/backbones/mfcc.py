"""Mel-frequency cepstral coefficients: 25 ms windows, 100 steps per second. No weights.

The orthonormal discrete cosine transform (type II) of the log-mel bands; coefficient 0, the
loudness, is the first. No liftering. `chroma` adds the shares of the twelve pitch classes;
`deltas`: 1 adds the differences of all of them over time, 2 also the differences of those.
"""

import torch
import torchaudio
from torch import Tensor, nn

from extract.backbones._speech.chroma import NUM_CHROMA, Chroma
from extract.backbones._speech.spectral import LogBands, Spectral
from extract.network.compute import CPU, Compute
from features.errors import ProjectError

MODALITY = "audio"
VERSION = 1
RANGES = {"num_bands": (1, 128), "num_coefficients": (1, 128), "deltas": (0, 2)}


class Cepstrum(nn.Module):
    """Coefficients `(B, num_coefficients, T)` of waveforms, and the twelve of chroma."""

    def __init__(self, num_bands: int, num_coefficients: int, chroma: bool) -> None:
        super().__init__()
        self.chroma = Chroma() if chroma else None
        self.bands = LogBands(num_bands)
        matrix = torchaudio.functional.create_dct(num_coefficients, num_bands, norm="ortho")
        self.register_buffer("matrix", matrix.T)

    def forward(self, waveforms: Tensor) -> Tensor:
        coefficients: Tensor = self.matrix @ self.bands(waveforms)
        if self.chroma is None:
            return coefficients
        return torch.cat([coefficients, self.chroma(waveforms)], dim=1)


def load(
    compute: Compute,
    *,
    num_coefficients: int = 40,
    num_bands: int = 64,
    chroma: bool = False,
    deltas: int = 0,
) -> Spectral:
    """Load the transform; there are at most as many coefficients as bands."""
    if num_coefficients > num_bands:
        raise ProjectError(
            f"num_coefficients is {num_coefficients}, but num_bands is {num_bands}; there can be "
            "at most as many coefficients as bands"
        )
    transform = Cepstrum(num_bands, num_coefficients, chroma)
    dim = num_coefficients + (NUM_CHROMA if chroma else 0)
    return Spectral(transform, dim, VERSION, compute, deltas)


def tiny() -> Spectral:
    """8 coefficients of 16 bands."""
    return load(CPU, num_coefficients=8, num_bands=16)
