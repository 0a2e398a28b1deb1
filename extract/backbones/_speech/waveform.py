"""The input of networks that read 16 kHz waveforms."""

from dataclasses import dataclass

import numpy as np
import torch

from extract.media.audio import Samples
from extract.media.resample import lengthen, resample
from extract.network.backbone import Example, Window
from extract.network.windows import Windowing

SAMPLE_HZ = 16_000


@dataclass(frozen=True)
class WaveformInput:
    """Resamples, scales, lengthens and cuts a recording.

    Attributes:
        field, hop: samples that one step spans, and samples from step to step. A clip shorter
            than `field` is lengthened with zeros, after it was scaled.
        variance_floor: added to the variance when a clip is scaled to mean 0 and variance 1, as
            a whole and before it is cut; None where it is not scaled.
        windowing: the longest stretch, in steps.
    """

    field: int
    hop: int
    variance_floor: float | None
    windowing: Windowing

    def __call__(self, media: tuple[Samples, int]) -> Example:
        samples, rate_hz = media
        waveform = resample(samples, rate_hz, SAMPLE_HZ)
        if self.variance_floor is not None:
            spread = torch.sqrt(waveform.var(correction=0) + self.variance_floor)
            waveform = (waveform - waveform.mean()) / spread
        values = lengthen(waveform, self.field).numpy()
        num_steps = self.num_steps(len(values))
        # Samples after the last step stay: a norm over time in the network counts them.
        return Example(
            tuple(
                Window(
                    values[cut.start * self.hop : self._end(cut.stop, num_steps)].astype(
                        np.float32, copy=False
                    ),
                    cut.keep,
                )
                for cut in self.windowing.cuts(num_steps)
            )
        )

    def num_steps(self, num_samples: int) -> int:
        """How many steps the network makes of so many samples."""
        return 1 + (num_samples - self.field) // self.hop

    def _end(self, stop: int, num_steps: int) -> int | None:
        return None if stop == num_steps else (stop - 1) * self.hop + self.field
