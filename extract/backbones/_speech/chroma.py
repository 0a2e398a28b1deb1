"""Chroma: the shares of the twelve pitch classes in a 25 ms window (Fujishima 1999)."""

import torch
import torchaudio
from torch import Tensor, nn

from extract.backbones._speech.spectral import FIELD, FLOOR, HOP
from extract.backbones._speech.waveform import SAMPLE_HZ

NUM_CHROMA = 12
# The window is lengthened with zeros, so that low notes fall on more than one line of the spectrum.
FFT = 2048
LOWEST_HZ = 60.0
# The A of which the first pitch class is named, and how wide a class is, in semitones.
TUNING_HZ = 440.0
WIDTH = 1.0


class Chroma(nn.Module):
    """Shares `(B, 12, T)` of A, A sharp, B, ...; their sum is 1, all equal where it is silent."""

    weights: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.spectrum = torchaudio.transforms.Spectrogram(
            FFT, win_length=FIELD, hop_length=HOP, center=False
        )
        frequencies = torch.linspace(0, SAMPLE_HZ / 2, FFT // 2 + 1)
        semitones = 12 * torch.log2(frequencies.clamp_min(LOWEST_HZ) / TUNING_HZ)
        classes = torch.arange(NUM_CHROMA)[:, None]
        distance = (semitones - classes + 6).remainder(12) - 6
        weights = torch.exp(-0.5 * (distance / WIDTH).square()) * (frequencies >= LOWEST_HZ)
        self.register_buffer("weights", weights)

    def forward(self, waveforms: Tensor) -> Tensor:
        # Torch pads the window to FFT samples; the same zeros here keep steps in time.
        missing = (FFT - FIELD) // 2
        power = self.spectrum(nn.functional.pad(waveforms, (missing, missing)))
        energies = self.weights @ power + FLOOR
        shares: Tensor = energies / energies.sum(dim=1, keepdim=True)
        return shares
