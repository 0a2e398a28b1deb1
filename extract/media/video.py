"""A video file to the pictures that are on the screen at given times. Needs no torch."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import av
import av.filter
import numpy as np
from numpy.typing import NDArray

from extract.media.errors import UnreadableError, refuse_long

Picture = NDArray[np.uint8]
Box = tuple[float, float, float, float]
# A file whose pictures end before this share of its stated duration is damaged.
MIN_DECODED_SHARE = 0.5


@dataclass(frozen=True)
class Stretch:
    """What is shown of a file: from `start_s` to `end_s`, and of each picture the `box`.

    The box is left, top, right and bottom as fractions of the upright picture.
    """

    start_s: float = 0.0
    end_s: float | None = None
    box: Box | None = None
    max_duration_s: float = float("inf")


def sampled_pictures(
    path: Path, rates_hz: Sequence[float], stretch: Stretch
) -> Iterator[tuple[Picture, tuple[int, ...]]]:
    """Decode a stretch once and sample it at several rates.

    At a rate the k-th sample is the picture on the screen at `start_s + (k + 0.5) / rate`, so there
    are as many as the duration times the rate, rounded (halves up), and at least 1. Only sampled
    pictures are converted. They are RGB `(H, W, 3)`, upright, without the comb of interlacing, in
    their own size (pixels that are not square stay so).

    Yields:
        a picture, and for each rate how many times it is sampled.

    Raises:
        UnreadableError: ``undecodable`` (damaged, no pictures) or ``too-long``.
    """
    empty = True
    try:
        with av.open(str(path)) as container:
            if not container.streams.video:
                raise UnreadableError("undecodable", "it has no video stream")
            stream = container.streams.video[0]
            stream.thread_type = "SLICE"
            shown = _shown(container, stream, stretch)
            for frame, counts in _sampled(shown, rates_hz, stretch.start_s):
                yield _picture(frame, stretch.box), counts
                empty = False
    except (av.FFmpegError, ValueError) as error:
        if isinstance(error, OSError):
            raise  # the disk's fault and not the file's
        raise UnreadableError("undecodable", str(error)) from None
    if empty:
        raise UnreadableError("undecodable", "it holds no pictures in the stretch asked for")


def _shown(container: Any, stream: Any, stretch: Stretch) -> Iterator[tuple[Any, float]]:
    """Each frame that the stretch shows, with the time at which it disappears."""
    start_s, end_s = stretch.start_s, stretch.end_s
    stated_s = _stated_duration_s(container, stream)
    stop_s = min(end_s if end_s is not None else stated_s, stated_s)
    refuse_long(stop_s - start_s, stretch.max_duration_s)
    origin_s = float((stream.start_time or 0) * stream.time_base)
    if start_s > 0:
        container.seek(round((origin_s + start_s) * av.time_base))
    period_s = 1 / float(stream.average_rate) if stream.average_rate else 0.04
    waiting, ends_s = None, start_s
    for frame in _progressive(container, stream):
        now_s = float(frame.pts * frame.time_base) - origin_s if frame.pts is not None else ends_s
        refuse_long(min(now_s, end_s or now_s) - start_s, stretch.max_duration_s)
        if waiting is not None and now_s > start_s:
            yield waiting, min(now_s, end_s or now_s)
        waiting, ends_s = frame, now_s + period_s
        if end_s is not None and now_s >= end_s:
            return
    if ends_s - start_s < MIN_DECODED_SHARE * (stop_s - start_s):
        detail = f"its pictures end after {ends_s:.2f} s, and it states {stated_s:.2f} s"
        raise UnreadableError("undecodable", detail)
    if waiting is not None:
        yield waiting, min(ends_s, end_s or ends_s)


def _progressive(container: Any, stream: Any) -> Iterator[Any]:
    """The decoded frames; from the first interlaced one on, those that are lose their comb."""
    mending: Any = None
    for frame in container.decode(stream):
        if mending is None and frame.interlaced_frame:
            mending = _deinterlacer(stream)
        if mending is None:
            yield frame
        else:
            mending.push(frame)
            yield from _pulled(mending)
    if mending is not None:
        mending.push(None)
        yield from _pulled(mending)


def _deinterlacer(stream: Any) -> Any:
    graph = av.filter.Graph()
    first = graph.add_buffer(template=stream)
    last = graph.add("buffersink")
    mend = graph.add("bwdif", "mode=send_frame:deint=interlaced")
    first.link_to(mend)
    mend.link_to(last)
    graph.configure()
    return graph


def _pulled(graph: Any) -> Iterator[Any]:
    while True:
        try:
            yield graph.pull()
        except (av.BlockingIOError, av.EOFError):
            return


def _stated_duration_s(container: Any, stream: Any) -> float:
    if stream.duration:
        return float(stream.duration * stream.time_base)
    return container.duration / av.time_base if container.duration else 0.0


def _sampled(
    shown: Iterator[tuple[Any, float]], rates_hz: Sequence[float], start_s: float
) -> Iterator[tuple[Any, tuple[int, ...]]]:
    """Each frame that is sampled at some rate, with the number of times at each."""
    rates = np.array(rates_hz)
    done, last, ends_s = np.zeros(len(rates), int), None, start_s
    for frame, disappears_s in shown:
        last, ends_s = frame, disappears_s
        # Half a millisecond of grace: stated times are rounded to the stream's time base.
        due = np.floor((disappears_s - start_s + 5e-4) * rates + 0.5).astype(int)
        new = np.maximum(due - done, 0)
        if new.any():
            yield frame, tuple(new.tolist())
            done += new
    if last is not None and ends_s > start_s and not done.all():
        yield last, tuple((done == 0).astype(int).tolist())


def _picture(frame: Any, box: Box | None) -> Picture:
    pixels = np.asarray(frame.to_ndarray(format="rgb24"), np.uint8)
    # The file says by how much its frames are to be turned counter-clockwise.
    upright = np.rot90(pixels, round(frame.rotation / 90) % 4)
    if box is not None:
        (height, width, _), (left, top, right, bottom) = upright.shape, box
        rows = slice(round(top * height), round(bottom * height))
        upright = upright[rows, round(left * width) : round(right * width)]
        if 0 in upright.shape:
            raise ValueError(f"the box {box} is empty in a picture of {width} x {height}")
    return np.ascontiguousarray(upright)
