"""Prosody: pitch, voicing, loudness and the shape of the spectrum, 100 steps per second. No
weights.

Nine numbers for each step, of a window of 50 ms: natural logarithm of the pitch in Hz; how periodic
the window is at that pitch (voiced speech is near 1); natural logarithm of the root mean square;
centroid, spread and 85 % roll-off of the magnitudes in kHz; flatness (0 to 1); natural logarithm of
the energy above 1 kHz over that below; and share of zero crossings. The pitch is where the
normalised cross-correlation (Atal 1968; as in RAPT, Talkin 1995) peaks between 60 and 500 Hz, also
where nothing is voiced: read it together with the voicing.
"""

import torch
from torch import Tensor, nn

from extract.backbones._speech.spectral import FLOOR, HOP, Spectral
from extract.backbones._speech.waveform import SAMPLE_HZ
from extract.network.compute import CPU, Compute

MODALITY = "audio"
VERSION = 1
DIM = 9
FIELD = 800
SHORTEST, LONGEST = SAMPLE_HZ // 500, SAMPLE_HZ // 60
# The length of the stretch that is correlated with later ones.
WIDTH = FIELD - LONGEST
# The shortest period whose peak is nearly the highest: its multiples are as high.
NEARLY = 0.9
ROLL_OFF = 0.85
BORDER_KHZ = 1.0
KHZ = SAMPLE_HZ / 2000


class Prosody(nn.Module):
    """Features `(B, 9, T)` of waveforms."""

    window: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("window", torch.hann_window(FIELD))

    def forward(self, waveforms: Tensor) -> Tensor:
        frames = waveforms.unfold(1, FIELD, HOP)
        log_pitch, voicing = pitch(frames)
        magnitudes = torch.fft.rfft(frames * self.window).abs() + FLOOR
        loudness = frames.square().mean(dim=2).sqrt().clamp_min(FLOOR).log()
        crossings = (frames[..., 1:].sign() != frames[..., :-1].sign()).float().mean(dim=2)
        columns = [log_pitch, voicing, loudness, *_shape(magnitudes), crossings]
        return torch.stack(columns, dim=1)


def pitch(frames: Tensor) -> tuple[Tensor, Tensor]:
    """The logarithm of the pitch in Hz, and how periodic windows `(B, T, FIELD)` are: `(B, T)`."""
    centred = frames - frames.mean(dim=2, keepdim=True)
    size = 2 * FIELD
    spectrum = torch.fft.rfft(centred, size)
    products = torch.fft.irfft(torch.fft.rfft(centred[..., :WIDTH], size).conj() * spectrum, size)
    energies = nn.functional.pad(centred.square().cumsum(dim=2), (1, 0))
    lags = torch.arange(SHORTEST, LONGEST + 1, device=frames.device)
    later = energies[..., lags + WIDTH] - energies[..., lags]
    norms = (later * energies[..., WIDTH : WIDTH + 1]).clamp_min(0).sqrt()
    # Silence is not periodic.
    correlation = torch.where(norms > FLOOR, products[..., lags] / norms.clamp_min(FLOOR), 0.0)
    before, after = correlation[..., :-2], correlation[..., 2:]
    is_peak = (correlation[..., 1:-1] >= before) & (correlation[..., 1:-1] >= after)
    # At the shortest period a hum below 60 Hz falls; at the longest the peak may still be ahead.
    is_peak = nn.functional.pad(nn.functional.pad(is_peak, (1, 0), value=False), (0, 1), value=True)
    is_peak &= correlation >= NEARLY * correlation.masked_fill(~is_peak, -1).amax(2, keepdim=True)
    place = torch.where(is_peak.any(dim=2), is_peak.int().argmax(dim=2), len(lags) - 1)
    voicing = correlation.gather(2, place[..., None])[..., 0]
    return (SAMPLE_HZ / lags[place]).log(), voicing


def _shape(magnitudes: Tensor) -> list[Tensor]:
    """Centroid, spread, roll-off, flatness and tilt of magnitudes `(B, T, F)`, each `(B, T)`."""
    khz = torch.linspace(0, KHZ, magnitudes.shape[2], device=magnitudes.device)
    shares = magnitudes / magnitudes.sum(dim=2, keepdim=True)
    centroid = (shares * khz).sum(dim=2)
    spread = (shares * (khz - centroid[..., None]).square()).sum(dim=2).sqrt()
    below = (shares.cumsum(dim=2) < ROLL_OFF).sum(dim=2).clamp_max(len(khz) - 1)
    flatness = magnitudes.log().mean(dim=2).exp() / magnitudes.mean(dim=2)
    power, border = magnitudes.square(), int(BORDER_KHZ / KHZ * (len(khz) - 1)) + 1
    tilt = power[..., border:].sum(dim=2).log() - power[..., :border].sum(dim=2).log()
    return [centroid, spread, khz[below], flatness, tilt]


def load(compute: Compute) -> Spectral:
    """Load the extractor; it has no settings."""
    return Spectral(Prosody(), DIM, VERSION, compute, field=FIELD)


def tiny() -> Spectral:
    """The extractor itself."""
    return load(CPU)
