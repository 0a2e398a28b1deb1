"""An audio file, or the audio of a video, to mono float32 samples. Needs no torch."""

from pathlib import Path
from typing import Any

import av
import numpy as np
import soundfile
from numpy.typing import NDArray

from extract.media.errors import EmptyStretchError, UnreadableError, is_passing, refuse_long

Samples = NDArray[np.float32]
# Formats that libsndfile reads sample by sample; everything else goes through FFmpeg.
SOUND_FILES = {".wav", ".flac", ".ogg", ".mp3"}


def read_audio(
    path: Path,
    start_s: float | None = None,
    end_s: float | None = None,
    channel: int | None = None,
    max_duration_s: float = float("inf"),
) -> tuple[Samples, int]:
    """Decode a stretch of a file to mono samples at the file's own rate.

    Returns:
        the samples `(N,)`, and the rate in hertz. Several channels become their mean, or the
        one numbered `channel` (from 0, in the decoder's order).

    Raises:
        UnreadableError: ``undecodable`` (damaged, no audio, no such channel) or ``too-long``.
    """
    read = _read_sound_file if path.suffix.lower() in SOUND_FILES else _read_container
    try:
        samples, rate_hz = read(path, start_s or 0.0, end_s, max_duration_s)
    except (soundfile.LibsndfileError, av.FFmpegError, ValueError) as error:
        if is_passing(error):
            raise
        raise UnreadableError("undecodable", str(error)) from None
    if samples.shape[1] == 0:
        raise EmptyStretchError("undecodable", "it has no audio in that stretch")
    if channel is None:
        return samples.mean(axis=0, dtype=np.float32), rate_hz
    if channel >= len(samples):
        detail = f"it has {len(samples)} channels, and the manifest says number {channel}"
        raise UnreadableError("undecodable", detail)
    return np.ascontiguousarray(samples[channel]), rate_hz


def centre_channel(path: Path) -> int | None:
    """The number of the front centre channel, which carries the dialogue in 5.1 audio, or None."""
    try:
        with av.open(str(path)) as container:
            if not container.streams.audio:
                return None
            layout = container.streams.audio[0].codec_context.layout
            names = [channel.name for channel in layout.channels]
    except (av.FFmpegError, OSError):
        return None
    return names.index("FC") if len(names) > 2 and "FC" in names else None


def _read_sound_file(
    path: Path, start_s: float, end_s: float | None, max_duration_s: float
) -> tuple[Samples, int]:
    with soundfile.SoundFile(path) as file:
        rate_hz: int = file.samplerate
        stop = file.frames if end_s is None else min(round(end_s * rate_hz), file.frames)
        start = min(round(start_s * rate_hz), stop)
        refuse_long((stop - start) / rate_hz, max_duration_s)
        file.seek(start)
        samples = file.read(stop - start, dtype="float32", always_2d=True)
    if len(samples) != stop - start:
        detail = f"it ends after {len(samples)} of {stop - start} samples"
        raise UnreadableError("undecodable", detail)
    return samples.T, rate_hz


def _read_container(
    path: Path, start_s: float, end_s: float | None, max_duration_s: float
) -> tuple[Samples, int]:
    """Decode and count from the first sample on: timestamps of containers are rounded."""
    with av.open(str(path)) as container:
        if not container.streams.audio:
            raise UnreadableError("undecodable", "it has no audio stream")
        stream = container.streams.audio[0]
        rate_hz = stream.codec_context.sample_rate
        start = round(start_s * rate_hz)
        stop = None if end_s is None else round(end_s * rate_hz)
        refuse_long(0.0 if end_s is None else end_s - start_s, max_duration_s)
        blocks, first = _decoded_blocks(container, stream, start, stop, max_duration_s * rate_hz)
    if not blocks:
        return np.zeros((1, 0), np.float32), rate_hz
    samples = np.concatenate(blocks, axis=1)
    return samples[:, max(0, start - first) : None if stop is None else stop - first], rate_hz


def _decoded_blocks(
    container: Any, stream: Any, start: int, stop: int | None, max_samples: float
) -> tuple[list[Samples], int]:
    """Planar float32 blocks that cover the samples from start to stop, and their first sample."""
    to_float = av.AudioResampler(format="fltp")
    blocks: list[Any] = []
    first, position = 0, 0
    for frame in container.decode(stream):
        for block in to_float.resample(frame):
            if position + block.samples > start:
                first = first if blocks else position
                blocks.append(block.to_ndarray())
            position += block.samples
        if stop is not None and position >= stop:
            break
        rate_hz = stream.codec_context.sample_rate
        refuse_long((position - start) / rate_hz, max_samples / rate_hz)
    return blocks, first
