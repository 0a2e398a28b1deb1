"""The voices of the demo corpus: harmonics under a moving spectral envelope."""

from dataclasses import dataclass

import numpy as np

from extract.media.audio import Samples
from extract.synthetic._script import Random, Speaker

SAMPLE_HZ = 16_000
NUM_HARMONICS = 20


@dataclass(frozen=True)
class Manner:
    """A way of speaking, relative to the speaker's normal voice."""

    pitch: float
    rise: float
    gain: float
    syllables_hz: float
    tilt: float


MANNERS = {
    "low": Manner(pitch=0.88, rise=-0.12, gain=0.10, syllables_hz=3.2, tilt=1.5),
    "loud": Manner(pitch=1.15, rise=0.00, gain=0.34, syllables_hz=5.6, tilt=0.7),
    "high": Manner(pitch=1.65, rise=0.30, gain=0.17, syllables_hz=4.6, tilt=1.1),
}


def speak(speaker: Speaker, manner_name: str, duration_s: float, random: Random) -> Samples:
    """Samples `(N,)` at 16 kHz of a voice that speaks no real words, in the named manner."""
    manner = MANNERS[manner_name]
    time_s = np.arange(round(duration_s * SAMPLE_HZ)) / SAMPLE_HZ
    progress = time_s / duration_s
    vibrato = 1 + 0.02 * np.sin(2 * np.pi * random.uniform(4, 7) * time_s)
    level_hz = speaker.pitch_hz * manner.pitch * random.normal(1, 0.05)
    pitch_hz = level_hz * (1 + manner.rise * (progress - 0.5)) * vibrato
    phase = 2 * np.pi * np.cumsum(pitch_hz) / SAMPLE_HZ
    vowels_hz = random.uniform((350, 900), (850, 2300), size=(8, 2))
    position = progress * 7
    formants_hz = [np.interp(position, np.arange(8), vowels_hz[:, n]) for n in (0, 1)]
    wave = np.zeros_like(time_s)
    for harmonic in range(1, NUM_HARMONICS + 1):
        frequency_hz = harmonic * pitch_hz
        envelope = sum(np.exp(-(((frequency_hz - f) / 220) ** 2)) for f in formants_hz) + 0.05
        wave += envelope * harmonic**-manner.tilt * np.sin(harmonic * phase)
    beat = 2 * np.pi * manner.syllables_hz * random.normal(1, 0.06) * time_s
    loudness = 0.25 + 0.75 * np.clip(np.sin(beat + random.uniform(0, 6)), 0, 1)
    edges = np.clip(np.minimum(progress, 1 - progress) * 12, 0, 1)
    gain = manner.gain * float(np.exp(random.normal(0, 0.15)))
    wave = gain * wave / (np.abs(wave).max() + 1e-9) * loudness * edges
    return np.asarray(wave + random.normal(0, 0.004, wave.shape), np.float32).clip(-1, 1)
