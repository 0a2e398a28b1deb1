"""openSMILE's hand-crafted features: eGeMAPSv02 and ComParE 2016, by audEERING's own package.

`level: functionals` is one step per utterance, `low-level` one every 10 ms (its low-level
descriptors). Audio is mono at 16 kHz, with samples in [-1, 1] as they are in the file: the level is
kept, since loudness is a feature. A clip shorter than 60 ms, the longest window, is lengthened with
zeros. ComParE has values beyond the range of float16: set `extract: {dtype: float32}`.

Eyben et al. 2010 (openSMILE), Eyben et al. 2016 (eGeMAPS), Schuller et al. 2016 (ComParE). The
package (requirements-extra.txt) may be used for research only; see its licence.
"""

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, Literal

import numpy as np
from torch import Tensor

from extract.backbones._speech.waveform import SAMPLE_HZ
from extract.media.audio import Samples
from extract.media.resample import lengthen, resample
from extract.network.backbone import Example, Reading, Window
from extract.network.compute import CPU, Compute
from features.extras import require_extra
from features.files import digest_json

MODALITY = "audio"
VERSION = 1
# The longest window of any feature.
FIELD = 960
RATE_HZ = 100.0
# The middle of the first frame, by the package's index: from 0 to 20 ms.
FIRST_STEP_S = 0.01
LEVELS = {"functionals": "Functionals", "low-level": "LowLevelDescriptors"}
FeatureSet = Literal["eGeMAPSv02", "ComParE_2016"]
Level = Literal["functionals", "low-level"]


@dataclass(frozen=True)
class OpenSmileInput:
    """Features `(T, D)` of a recording, computed where it is decoded."""

    feature_set: FeatureSet
    level: Level

    def __call__(self, media: tuple[Samples, int]) -> Example:
        samples, rate_hz = media
        waveform = lengthen(resample(samples, rate_hz, SAMPLE_HZ), FIELD).numpy()
        features = extractor(self.feature_set, self.level)(waveform, SAMPLE_HZ)[0]
        return Example((Window(np.ascontiguousarray(features.T, np.float32)),))


@cache
def extractor(feature_set: FeatureSet, level: Level) -> Any:
    """The package's own extractor, once in a process."""
    import opensmile

    return opensmile.Smile(
        feature_set=getattr(opensmile.FeatureSet, feature_set),
        feature_level=getattr(opensmile.FeatureLevel, LEVELS[level]),
    )


class OpenSmile:
    """The features of openSMILE as a track; all the work is done by `prepare`."""

    reading = Reading((MODALITY,))
    modality = MODALITY
    version = VERSION
    layers = (0,)

    def __init__(self, feature_set: FeatureSet, level: Level, compute: Compute) -> None:
        import opensmile

        self.compute = compute
        self.prepare = OpenSmileInput(feature_set, level)
        self.dim = len(extractor(feature_set, level).feature_names)
        # The configuration files are those of the package.
        self.weights_digest = digest_json(["opensmile", opensmile.__version__, feature_set, level])
        has_steps = level == "low-level"
        self.rate_hz = RATE_HZ if has_steps else None
        self.first_step_s = FIRST_STEP_S if has_steps else None
        self.nominal_steps = 400 if has_steps else 1
        self.budget = compute.pick(cpu=5_000, cuda=250_000)

    def cost(self, window: Window) -> int:
        return len(window.values)

    def encode(self, windows: Sequence[Window]) -> list[Tensor]:
        return [self.compute.put(window.values)[None] for window in windows]


def load(
    compute: Compute, *, set: FeatureSet = "eGeMAPSv02", level: Level = "functionals"
) -> OpenSmile:
    """Load the extractor of a feature set, and print a note on its licence."""
    require_extra("the backbone 'opensmile'", "opensmile", "opensmile")
    print(
        "openSMILE (audEERING) may be used for research only; its licence comes with the package",
        file=sys.stderr,
    )
    return OpenSmile(set, level, compute)


def tiny() -> OpenSmile:
    """The 88 functionals of eGeMAPS."""
    return OpenSmile("eGeMAPSv02", "functionals", CPU)
