"""The decoded frames of a stretch of video, each with the time at which it disappears."""

from collections.abc import Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import av
import av.filter

from extract.media.errors import UnreadableError, is_passing, refuse_long
from extract.media.files.boxes import refuse_cut_off
from extract.media.files.container import Packets, opened, origin_s, video_stream_of

Box = tuple[float, float, float, float]


@dataclass(frozen=True)
class Stretch:
    """What is read of a video: from `start_s` to `end_s`, and of each frame the `box`.

    The box is left, top, right and bottom as fractions of the upright frame.
    """

    start_s: float = 0.0
    end_s: float | None = None
    box: Box | None = None
    max_duration_s: float = float("inf")


def shown_frames(path: Path, stretch: Stretch) -> Generator[tuple[Any, float], None, None]:
    """Each frame that is on the screen in the stretch, with the time at which it disappears.

    Times count from the container's start. The first frame is on the screen from the start on, also
    where the stream begins later than the container.
    """
    start_s, end_s = stretch.start_s, stretch.end_s
    with _opened_before(path, start_s) as (container, stream):
        packets, clock = Packets(container, stream), Clock(container, stream)
        if packets.stated_end_s is not None:
            stated_s = packets.stated_end_s - clock.origin_s
            refuse_long(min(stated_s, end_s or stated_s) - start_s, stretch.max_duration_s)
        current, ends_s = None, 0.0
        for frame in _progressive(packets):
            now_s = clock.time_s(frame)
            now_s = ends_s if now_s is None else now_s
            refuse_long(min(now_s, end_s or now_s) - start_s, stretch.max_duration_s)
            if current is not None and now_s > start_s:
                yield current, min(now_s, end_s or now_s)
            current, ends_s = frame, now_s + clock.period_s
            if end_s is not None and now_s >= end_s:
                return
        packets.refuse_cut(clock.period_s)
    if ends_s <= start_s:
        detail = f"the stretch begins at {start_s:.2f} s, but the frames end after {ends_s:.2f} s"
        raise UnreadableError("undecodable", detail)
    if current is not None:
        yield current, min(ends_s, end_s or ends_s)


class Clock:
    """When the frames of a stream are on the screen, counted from the container's start."""

    def __init__(self, container: Any, stream: Any) -> None:
        self.origin_s = origin_s(container)
        self.period_s = 1 / float(stream.average_rate) if stream.average_rate else 0.04

    def time_s(self, frame: Any) -> float | None:
        """When a frame appears; None where the file does not say."""
        return None if frame.pts is None else float(frame.pts * frame.time_base) - self.origin_s


@contextmanager
def _opened_before(path: Path, start_s: float) -> Iterator[tuple[Any, Any]]:
    """A whole file and its video stream, whose first decoded frame is not after the start.

    A seek in a file without an index, such as MPEG-1, may land on a later frame; such a file is
    decoded from its beginning.
    """
    refuse_cut_off(path)
    with opened(path) as container:
        stream = _stream(container)
        if start_s <= 0 or _seeks_before(container, stream, start_s):
            yield container, stream
            return
    with opened(path) as container:
        yield container, _stream(container)


def _seeks_before(container: Any, stream: Any, start_s: float) -> bool:
    """Seek the keyframe before a time; whether the first frame decoded there is not after it."""
    clock = Clock(container, stream)
    offset = round((clock.origin_s + start_s) * av.time_base)
    try:
        container.seek(offset)
        first = next(container.decode(stream), None)
        container.seek(offset)
    except av.FFmpegError as error:
        if is_passing(error):
            raise
        return False
    time_s = None if first is None else clock.time_s(first)
    return time_s is not None and time_s <= start_s


def _stream(container: Any) -> Any:
    stream = video_stream_of(container)
    stream.thread_type = "SLICE"
    return stream


def _progressive(packets: Packets) -> Iterator[Any]:
    """The decoded frames; from the first interlaced one on they are deinterlaced."""
    deinterlacer, deinterlaced_kind = None, None
    for frame in (frame for packet in packets for frame in packet.decode()):
        kind = (frame.width, frame.height, frame.format.name)
        if deinterlacer is not None and kind != deinterlaced_kind:
            yield from _flushed(deinterlacer)
            deinterlacer = None
        if deinterlacer is None and frame.interlaced_frame:
            deinterlacer, deinterlaced_kind = _deinterlacer(frame, packets.stream), kind
        if deinterlacer is None:
            yield frame
        else:
            deinterlacer.push(frame)
            yield from _pulled(deinterlacer)
    if deinterlacer is not None:
        yield from _flushed(deinterlacer)


def _deinterlacer(frame: Any, stream: Any) -> Any:
    """A filter for frames such as this one."""
    graph = av.filter.Graph()
    first = graph.add_buffer(
        width=frame.width,
        height=frame.height,
        format=frame.format,
        time_base=frame.time_base or stream.time_base,
    )
    last = graph.add("buffersink")
    bwdif = graph.add("bwdif", "mode=send_frame:deint=interlaced")
    first.link_to(bwdif)
    bwdif.link_to(last)
    graph.configure()
    return graph


def _pulled(graph: Any) -> Iterator[Any]:
    while True:
        try:
            yield graph.pull()
        except (av.BlockingIOError, av.EOFError):
            return


def _flushed(graph: Any) -> Iterator[Any]:
    graph.push(None)
    yield from _pulled(graph)
