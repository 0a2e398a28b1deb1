"""What the header of a media file states, and how long the file is."""

from dataclasses import dataclass
from pathlib import Path

import av
from av.stream import Disposition

from extract.media.files.container import opened, origin_s


@dataclass(frozen=True)
class Header:
    """The kinds of streams (``audio``, ``video``) of a file, and the length that it states.

    The length is None where the file states nothing; FFmpeg estimates that of some formats.
    """

    kinds: frozenset[str]
    length_s: float | None


def header_of(path: Path) -> Header | None:
    """The header of a file; None where it cannot be opened."""
    try:
        with opened(path) as container:
            streams = container.streams
            kinds = frozenset(
                stream.type
                for stream in (*streams.audio, *streams.video)
                if not stream.disposition & Disposition.attached_pic
            )
            length_s = None if container.duration is None else container.duration / av.time_base
            return Header(kinds, length_s)
    except (av.FFmpegError, OSError, ValueError):
        return None


def length_s(path: Path) -> float | None:
    """From the start of a file to the end of its last packet; None where it cannot be read.

    Nothing is decoded, and nothing that the file states is believed.
    """
    try:
        with opened(path) as container:
            streams = [*container.streams.audio, *container.streams.video]
            ends_s = {stream.index: 0.0 for stream in streams}
            ticks_s = {stream.index: float(stream.time_base) for stream in streams}
            for packet in container.demux(streams):
                if packet.pts is not None:
                    end, index = packet.pts + (packet.duration or 0), packet.stream_index
                    ends_s[index] = max(ends_s[index], end * ticks_s[index])
            return max(ends_s.values()) - origin_s(container) if any(ends_s.values()) else None
    except (av.FFmpegError, OSError, ValueError):
        return None
