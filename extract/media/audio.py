"""An audio file, or the audio of a video, to mono float32 samples. Needs no torch."""

from dataclasses import dataclass
from pathlib import Path

import av
import soundfile

from extract.media.errors import EmptyStretchError, UnreadableError, fault_of, is_passing
from extract.media.files.container import opened
from extract.media.files.mix import Mix, Samples
from extract.media.files.sound_file import is_readable, read_sound_file
from extract.media.files.stream import read_stream

# Three steps of 16 bits, -80 dB: anything below is rounding noise. And channels cancel each
# other if at most a hundredth of their level is left in the mean.
SILENCE = 1e-4
CANCELLED = 0.01

__all__ = ["Recording", "Samples", "centre_channel", "read_audio", "read_recording"]


@dataclass(frozen=True)
class Recording:
    """Mono samples `(N,)`, their rate, and the largest magnitude in any channel that was read."""

    samples: Samples
    rate_hz: int
    peak: float

    @property
    def is_silent(self) -> bool:
        """Whether nothing can be heard, because there is nothing or because channels cancel."""
        loudest = max(float(self.samples.max()), -float(self.samples.min()))
        return loudest <= max(SILENCE, CANCELLED * self.peak)


def read_audio(
    path: Path,
    start_s: float | None = None,
    end_s: float | None = None,
    channel: int | None = None,
    max_duration_s: float = float("inf"),
) -> tuple[Samples, int]:
    """Decode a stretch of a file to mono samples at the file's own rate.

    The format is recognised by the content, whatever the extension, and the file is read to its
    end, whatever length it states. Times count from the start of the file, which is that of its
    earliest stream; gaps in the audio stream are silence. A stretch is cut at the end of the file.

    Returns:
        the samples `(N,)`, and the rate in hertz. Several channels become their mean, or the
        one numbered `channel` (from 0, in the decoder's order).

    Raises:
        UnreadableError: ``undecodable`` (damaged, shorter than it states, no such channel),
            ``absent`` (no audio), ``too-long`` or ``too-large``.
    """
    recording = read_recording(path, start_s, end_s, channel, max_duration_s)
    return recording.samples, recording.rate_hz


def read_recording(
    path: Path,
    start_s: float | None = None,
    end_s: float | None = None,
    channel: int | None = None,
    max_duration_s: float = float("inf"),
) -> Recording:
    """`read_audio`, with the peak of the channels that were read."""
    if not path.is_file():
        raise UnreadableError("undecodable", "it is not a regular file")
    mix = Mix(channel)
    try:
        read = read_sound_file if is_readable(path) else read_stream
        rate_hz = read(path, start_s or 0.0, end_s, mix, max_duration_s)
    except (soundfile.LibsndfileError, av.FFmpegError, ValueError) as error:
        if is_passing(error):
            raise
        raise UnreadableError("undecodable", fault_of(error)) from None
    samples = mix.samples()
    if len(samples) == 0:
        raise EmptyStretchError("undecodable", "it has no audio in that stretch")
    return Recording(samples, rate_hz, mix.peak)


def centre_channel(path: Path) -> int | None:
    """The number of the front centre channel, which carries the dialogue in 5.1 audio, or None."""
    if not path.is_file():
        return None
    try:
        with opened(path) as container:
            if not container.streams.audio:
                return None
            layout = container.streams.audio[0].codec_context.layout
            names = [channel.name for channel in layout.channels]
    except (av.FFmpegError, OSError):
        return None
    return names.index("FC") if len(names) > 2 and "FC" in names else None
