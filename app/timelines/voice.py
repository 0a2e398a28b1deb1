"""Detects speech in a recording with Silero VAD, whose weights are in its package (MIT)."""

import warnings
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

from extract.media.audio import read_audio
from extract.media.child import Child
from extract.media.errors import UnreadableError
from extract.media.resample import resample
from features.extras import require_extra

RATE_HZ = 16_000
# Read at a time; speech across a border becomes two stretches.
PIECE_S = 300.0


def speech_in(
    path: Path, recording_s: float, longest_s: float, channel: int | None = None
) -> Iterator[tuple[float, float]]:
    """Start and end of each stretch of speech in seconds, none longer than `longest_s`.

    A file without audio, or whose audio cannot be read, is one stretch: reading it says why.
    """
    require_extra("--voice", "silero_vad", "silero-vad")
    from silero_vad import get_speech_timestamps

    model, start_s = _detector(), 0.0
    with Child() as child:
        while start_s < recording_s:
            try:
                end_s = start_s + PIECE_S
                samples, rate_hz = child.call(read_audio, path, start_s, end_s, channel)
            except UnreadableError:
                if start_s == 0:
                    yield 0.0, recording_s
                return  # the container is longer than its audio
            wave = resample(samples, rate_hz, RATE_HZ)
            for stretch in get_speech_timestamps(
                wave, model, sampling_rate=RATE_HZ, max_speech_duration_s=longest_s
            ):
                yield start_s + stretch["start"] / RATE_HZ, start_s + stretch["end"] / RATE_HZ
            start_s += PIECE_S


@cache
def _detector() -> Any:
    from silero_vad import load_silero_vad

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the package loads its own file in a way torch deprecates
        return load_silero_vad()
