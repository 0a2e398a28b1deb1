"""Level and zero crossings of audio: two numbers, 100 times a second. No weights."""

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from extract.media.audio import Samples
from extract.media.resample import lengthen, resample
from extract.network.backbone import Example, Reading, Window
from extract.network.compute import CPU, Compute

MODALITY = "audio"
VERSION = 1
RANGES = {"floor_db": (-120, 0)}
SAMPLE_HZ, STEP = 16_000, 160


def prepare(media: tuple[Samples, int]) -> Example:
    """Resamples a clip and lengthens it to whole steps, at least one."""
    waveform = resample(*media, SAMPLE_HZ)
    num_steps = max(1, -(-len(waveform) // STEP))
    return Example((Window(lengthen(waveform, num_steps * STEP).numpy()),))


class Loudness:
    """The level in dB and the share of sign changes of each 10 ms, `(1, T, 2)`."""

    modality = MODALITY
    dim = 2
    layers = (0,)
    version = VERSION
    weights_digest = ""
    rate_hz = SAMPLE_HZ / STEP
    first_step_s = STEP / 2 / SAMPLE_HZ
    reading = Reading((MODALITY,))
    nominal_steps = 400
    budget = 100_000
    prepare = staticmethod(prepare)

    def __init__(self, floor_db: float, compute: Compute) -> None:
        self.floor_db, self.compute = floor_db, compute

    def cost(self, window: Window) -> int:
        return len(window.values) // STEP

    def encode(self, windows: Sequence[Window]) -> list[Tensor]:
        lengths = [self.cost(window) for window in windows]
        joined = self.compute.put(np.concatenate([window.values for window in windows]))
        steps = joined.reshape(-1, STEP)
        level = 10 * steps.square().mean(dim=1).clamp_min(1e-12).log10()
        crossings = (steps[:, 1:].sign() != steps[:, :-1].sign()).float().mean(dim=1)
        values = torch.stack([level.clamp_min(self.floor_db), crossings], dim=1)
        return list(values[None].split(lengths, dim=1))


def load(compute: Compute, *, floor_db: float = -80.0) -> Loudness:
    """The features with a least level."""
    return Loudness(floor_db, compute)


def tiny() -> Loudness:
    """The same: there are no weights to make smaller."""
    return load(CPU)
