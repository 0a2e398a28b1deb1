"""Spectral features without weights: 25 ms windows, 100 steps per second of 16 kHz audio.

Windows lie wholly inside the signal (no padding at its ends), so a step depends only on its
own 25 ms; a shorter clip is lengthened to one window with zeros. Deltas look at two steps on
either side; beyond the ends the first and the last step are repeated.
"""

from collections.abc import Sequence

import torch
import torchaudio
from torch import Tensor, nn

from extract.backbones._speech.waveform import SAMPLE_HZ, WaveformInput
from extract.network.backbone import Reading, Window
from extract.network.compute import Compute
from extract.network.windows import Windowing

FIELD = 400
HOP = 160
# About -100 dB for samples in [-1, 1]: silence becomes a finite floor.
FLOOR = 1e-10
# Long enough for any recording, and a bound on the memory of one batch.
LIMIT = 60_000


class LogBands(nn.Module):
    """Mel band energies `(B, num_bands, T)` of waveforms on a natural logarithmic scale."""

    def __init__(self, num_bands: int) -> None:
        super().__init__()
        self.mel = torchaudio.transforms.MelSpectrogram(
            SAMPLE_HZ, n_fft=FIELD, hop_length=HOP, n_mels=num_bands, center=False
        )

    def forward(self, waveforms: Tensor) -> Tensor:
        bands: Tensor = self.mel(waveforms).clamp_min(FLOOR).log()
        return bands


class Spectral:
    """A transform of waveforms `(B, N)` to features `(B, D, T)`, each step on its own.

    `deltas`: how many differences over time follow the features, as many columns each. `field`:
    the samples that a step sees.
    """

    reading = Reading(("audio",))
    modality = reading.modalities[0]
    layers = (0,)
    weights_digest = ""
    rate_hz = SAMPLE_HZ / HOP
    nominal_steps = 400

    def __init__(
        self,
        transform: nn.Module,
        dim: int,
        version: int,
        compute: Compute,
        deltas: int = 0,
        field: int = FIELD,
    ) -> None:
        self.transform = transform.eval().requires_grad_(False).to(compute.device)
        self.dim = dim * (1 + deltas)
        self.deltas = deltas
        self.version = version
        self.compute = compute
        self.first_step_s = field / 2 / SAMPLE_HZ
        self.prepare = WaveformInput(field, HOP, None, Windowing(LIMIT, 0))
        self.budget = compute.pick(cpu=5_000, cuda=250_000)

    def cost(self, window: Window) -> int:
        return self.prepare.num_steps(len(window.values))

    def encode(self, windows: Sequence[Window]) -> list[Tensor]:
        waveforms = [self.compute.put(window.values) for window in windows]
        padded = nn.utils.rnn.pad_sequence(waveforms, batch_first=True)
        with torch.autocast(self.compute.device.type, enabled=False):
            features = self.transform(padded)
        return [
            with_deltas(track[:, : self.cost(window)], self.deltas).T[None]
            for track, window in zip(features, windows, strict=True)
        ]


def with_deltas(features: Tensor, count: int) -> Tensor:
    """Features `(D, T)`, then their differences over five steps, then the differences of those."""
    orders = [features]
    for _ in range(count):
        orders.append(torchaudio.functional.compute_deltas(orders[-1][None])[0])
    return torch.cat(orders)
