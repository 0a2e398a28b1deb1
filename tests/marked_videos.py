"""Small videos that tests make: a grey for each second, and a burst of sound in its middle."""

from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np

RATE_HZ, FRAMES_HZ = 48_000, 25
Samples = np.ndarray[Any, np.dtype[np.float32]]


def level(second: int) -> int:
    """The grey of a second."""
    return 30 + 20 * second


def pitch_hz(second: int) -> int:
    """The pitch of the burst at `second + 0.42`, a tenth of a second long."""
    return 500 + 300 * second


def bursts(seconds: int, rate_hz: int = RATE_HZ) -> Samples:
    """A burst in every second."""
    times_s = np.arange(seconds * rate_hz) / rate_hz
    second = np.floor(times_s)
    sounds = (times_s - second >= 0.42) & (times_s - second < 0.52)
    tone = 0.5 * np.sin(2 * np.pi * (500 + 300 * second) * times_s)
    return np.where(sounds, tone, 0.0).astype(np.float32)


def heard(samples: Samples, rate_hz: int) -> list[tuple[float, int]]:
    """When a burst begins, to a twentieth of a second, and of which second it is."""
    size = rate_hz // 20
    blocks = samples[: len(samples) // size * size].reshape(-1, size)
    loud = np.abs(blocks).max(axis=1) > 0.2
    found = []
    for number in np.flatnonzero(loud & ~np.roll(loud, 1)):
        spectrum = np.abs(np.fft.rfft(samples[number * size : (number + 2) * size], 8 * rate_hz))
        found.append((round(number / 20, 2), round((spectrum.argmax() / 8 - 500) / 300)))
    return found


def write_marked_video(
    path: Path,
    seconds: int = 6,
    *,
    sound_s: float = 0.0,
    picture_s: float = 0.0,
    gaps: Sequence[tuple[float, float]] = (),
) -> None:
    """Sound and frames begin so many seconds late; packets of sound within the gaps are left out.

    A container that begins at 0 has to have something there, so one of the two begins at 0.
    """
    with av.open(str(path), "w") as container:
        video: Any = container.add_stream("libx264", rate=FRAMES_HZ)
        video.width, video.height, video.pix_fmt = 48, 32, "yuv420p"
        video.options = {"crf": "1", "bf": "0"}
        audio: Any = container.add_stream("libopus", rate=RATE_HZ, layout="mono")
        packets = []
        for number in range(seconds * FRAMES_HZ):
            grey = np.full((32, 48, 3), level(number // FRAMES_HZ), np.uint8)
            packets += video.encode(av.VideoFrame.from_ndarray(grey, "rgb24"))
        packets += video.encode(None)
        for packet in packets:
            _shift(packet, picture_s)
            container.mux(packet)
        for packet in _audio_packets(audio, bursts(seconds)):
            begins_s = float(packet.pts * packet.time_base)
            if not any(first <= begins_s < last for first, last in gaps):
                _shift(packet, sound_s)
                container.mux(packet)


def _audio_packets(stream: Any, samples: Samples) -> list[Any]:
    packets = []
    for start in range(0, len(samples), 960):
        block = np.ascontiguousarray(samples[None, start : start + 960])
        frame = av.AudioFrame.from_ndarray(block, "flt", "mono")
        frame.sample_rate, frame.pts, frame.time_base = RATE_HZ, start, Fraction(1, RATE_HZ)
        packets += stream.encode(frame)
    return [*packets, *stream.encode(None)]


def _shift(packet: Any, seconds: float) -> None:
    ticks = round(seconds / packet.time_base)
    packet.pts += ticks
    packet.dts = packet.pts if packet.dts is None else packet.dts + ticks
