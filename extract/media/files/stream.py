"""Reads the audio stream of a container with FFmpeg, on the clock of the file."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import av
import numpy as np

from extract.media.errors import UnreadableError, refuse_long
from extract.media.files import mpeg
from extract.media.files.boxes import refuse_cut_off
from extract.media.files.container import Packets, opened, origin_s, stream_of
from extract.media.files.mix import Mix, Samples, max_samples

# Times that deviate less from the count of samples are rounded, or jitter: 40 ms is one frame of a
# video. Those that go back by more than a second start again, where files were joined.
TOLERANCE_S = 0.04
ANEW_S = 1.0
INFINITE = 2**62
MAX_PLANES = 8


def read_stream(
    path: Path, start_s: float, end_s: float | None, mix: Mix, max_duration_s: float
) -> int:
    """Mix the samples from start to end, counted from the container's start; returns their rate.

    Samples are counted from the first one on, because the timestamps of containers are rounded.
    Where these leave a gap, and before the stream begins, there is silence.
    """
    refuse_cut_off(path)
    with opened(path) as container:
        packets = Packets(container, stream_of(container, "audio"))
        rate_hz, start, stop, most, end = 0, 0, INFINITE, 0, 0
        for position, frame in _placed_frames(packets, origin_s(container)):
            if rate_hz == 0:
                rate_hz = frame.sample_rate
                start = round(start_s * rate_hz)
                stop = INFINITE if end_s is None else round(end_s * rate_hz)
                num_channels = len(frame.layout.channels)
                most = min(max_duration_s * rate_hz, max_samples(num_channels))
            begin, end = max(start, end, position), position + frame.samples
            last = min(end, stop)
            if last - start > most:
                refuse_long((last - start) / rate_hz, max_duration_s)
                mix.refuse_large(num_channels, last - start)
            if last > start:
                mix.reach(last - start)
            if last > begin:
                mix.add(begin - start, _samples(frame)[:, begin - position : last - position])
            if end >= stop:
                return rate_hz
        packets.refuse_cut()
    return rate_hz


def _placed_frames(packets: Packets, origin_s: float) -> Iterator[tuple[int, Any]]:
    """Frames of float32, each with the place of its first sample on the container's clock.

    A frame begins where the one before ended, unless its time says that something is missing
    between them, or that the two overlap.
    """
    end: int | None = None
    tick_s = 0.0
    for frame in _frames(packets):
        tick_s = tick_s or float(frame.time_base)
        position = end or 0
        if frame.pts is not None:
            stated = round((frame.pts * tick_s - origin_s) * frame.sample_rate)
            ahead_s = 0.0 if end is None else (stated - end) / frame.sample_rate
            if ahead_s < -ANEW_S:
                origin_s += ahead_s
            elif end is None or abs(ahead_s) > TOLERANCE_S:
                if packets.is_gapless and end is not None:
                    detail = f"frames are missing after {end / frame.sample_rate:.2f} s"
                    raise UnreadableError("undecodable", detail)
                position = stated
        yield position, frame
        end = position + frame.samples


def _frames(packets: Packets) -> Iterator[Any]:
    """The decoded frames as float32; their rate and number of channels stay the same."""
    codec = packets.stream.codec_context
    # PyAV reads beyond the end of the list of planes where there are 8 or more.
    to_float = av.AudioResampler(format="fltp" if codec.channels < MAX_PLANES else "flt")
    if codec.name == "flac":
        # Its decoder would leave damaged frames out.
        codec.options = {"err_detect": "crccheck+explode"}
    may_have_tags = codec.name.startswith("mp3")
    for packet in packets:
        if may_have_tags and mpeg.is_tag(packet):
            continue
        for frame in packet.decode():
            yield from to_float.resample(frame)


def _samples(frame: Any) -> Samples:
    """The samples of a frame, channel by channel, `(C, N)`."""
    samples: Samples = frame.to_ndarray()
    if frame.format.is_planar:
        return samples
    return np.ascontiguousarray(samples.reshape(frame.samples, -1).T)
