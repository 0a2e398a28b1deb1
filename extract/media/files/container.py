"""Opens media by their content: streams, the clock of a file, and where it says that it ends."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal

import av
import av.logging
from av.stream import Disposition

from extract.media.errors import MAX_FRAME_PIXELS, UnreadableError, refuse_large

# A file may not open others, and no frame larger than the limit is decoded.
OPTIONS = {"protocol_whitelist": "", "max_pixels": str(MAX_FRAME_PIXELS)}
# Formats in which every stream states its length, and those that state one for all streams; the
# length that FFmpeg gives for others is estimated.
OWN_LENGTHS = {"mov,mp4,m4a,3gp,3g2,mj2", "flac", "aiff", "au", "caf", "w64"}
COMMON_LENGTHS = {"matroska,webm", "flv", "asf"}
SECONDS = (3600, 60, 1)
# How much earlier than stated a healthy file may end: stated lengths are rounded and padded.
ROUNDING_S = 0.25


class _Content:
    """An open file without its name, whose extension would suggest a format."""

    def __init__(self, file: Any) -> None:
        self.read, self.seek, self.tell = file.read, file.seek, file.tell


@contextmanager
def opened(path: Path) -> Iterator[Any]:
    """An open container, whatever the file's extension says."""
    with path.open("rb") as file, av.open(_Content(file), options=OPTIONS) as container:
        yield container


def stream_of(container: Any, kind: Literal["audio", "video"]) -> Any:
    """The first stream of a kind; raises UnreadableError ``absent`` where there is none.

    Cover art is not video.
    """
    for stream in getattr(container.streams, kind):
        if not stream.disposition & Disposition.attached_pic:
            return stream
    raise UnreadableError("absent", f"it has no {kind} stream")


def video_stream_of(container: Any) -> Any:
    """The first video stream; raises UnreadableError ``too-large`` for huge frames."""
    stream = stream_of(container, "video")
    context = stream.codec_context
    refuse_large(context.width * context.height, MAX_FRAME_PIXELS, "pixels in a frame")
    context.options = {"max_pixels": OPTIONS["max_pixels"]}
    return stream


def origin_s(container: Any) -> float:
    """The earliest start of a container's streams, from which times are counted."""
    return (container.start_time or 0) / av.time_base


class Packets:
    """The packets of a stream, and where the last of the file ends, in the file's own time."""

    def __init__(self, container: Any, stream: Any) -> None:
        self.stream = stream
        self.stated_end_s = _stated_end_s(container, stream)
        self._tick_s = float(stream.time_base)
        self.end_s = 0.0
        # Frames of FLAC are numbered: one that is missing is damaged.
        self.is_gapless = container.format.name == "flac"
        alone = container.format.name not in COMMON_LENGTHS or _tagged_s(stream) is not None
        streams = [stream] if alone else [*container.streams.audio, *container.streams.video]
        self._packets = container.demux(streams)

    def __iter__(self) -> Iterator[Any]:
        for packet in self._packets:
            if packet.pts is not None:
                end = packet.pts + (packet.duration or 0)
                tick_s = self._tick_s if packet.stream is self.stream else float(packet.time_base)
                self.end_s = max(self.end_s, end * tick_s)
            if packet.stream is self.stream:
                yield packet

    def refuse_cut(self, period_s: float = 0.0) -> None:
        """Raise UnreadableError ``undecodable`` where the file ended earlier than it states.

        To be called when all packets were read; `period_s` is that of a frame.
        """
        if self.stated_end_s is None or self.end_s >= self.stated_end_s - ROUNDING_S - period_s:
            return
        lengths = f"it states {self.stated_end_s:.2f} s but ends after {self.end_s:.2f} s"
        raise UnreadableError("undecodable", f"{lengths}: it was cut short")


def _stated_end_s(container: Any, stream: Any) -> float | None:
    """Where a stream, or the longest one, ends by the file's header; None where it does not say."""
    name = container.format.name
    own = name in OWN_LENGTHS or (name == "avi" and stream.type == "video")
    if own and stream.duration:
        return float(((stream.start_time or 0) + stream.duration) * stream.time_base)
    if name in COMMON_LENGTHS and container.duration:
        return _tagged_s(stream) or container.duration / av.time_base
    return None


def _tagged_s(stream: Any) -> float | None:
    """Where a stream of Matroska ends by its tag, which most programs write."""
    match = re.fullmatch(r"(\d+):(\d+):(\d+(?:\.\d+)?)", stream.metadata.get("DURATION", ""))
    if match is None:
        return None
    return sum(float(number) * s for number, s in zip(match.groups(), SECONDS, strict=True))


def exceeds_pixels(path: Path) -> bool:
    """Whether a file whose first frame cannot be decoded has too many pixels."""
    av.logging.set_level(av.logging.ERROR)
    try:
        with av.logging.Capture() as messages, opened(path) as container:
            stream = video_stream_of(container)
            next(container.decode(stream), None)
    except (av.FFmpegError, OSError, ValueError, UnreadableError):
        pass
    finally:
        av.logging.set_level(None)
    return any("Picture size" in text for _, _, text in messages)
