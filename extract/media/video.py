"""A video file to frames at a rate and size. Needs no torch."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import av
import numpy as np
from numpy.typing import NDArray

from extract.media.errors import UnreadableError

Frames = NDArray[np.uint8]
# A file whose pictures end before this share of its stated duration is damaged.
MIN_DECODED_SHARE = 0.5


def read_video(
    path: Path,
    rate_hz: float,
    height_px: int,
    width_px: int,
    start_s: float | None = None,
    end_s: float | None = None,
    box: tuple[float, float, float, float] | None = None,
    max_duration_s: float = float("inf"),
) -> Frames:
    """Decode a stretch of a file to RGB frames `(T, height_px, width_px, 3)`.

    The k-th frame is the one on the screen at `start_s + (k + 0.5) / rate_hz`, so T is the
    duration times the rate, rounded (halves up), and at least 1. `box` (left, top, right, bottom as
    fractions) is cut out before the frame is resized (bilinear, aspect ratio not kept).

    Raises:
        UnreadableError: ``undecodable`` (damaged, no pictures) or ``too-long``.
    """
    try:
        with av.open(str(path)) as container:
            if not container.streams.video:
                raise UnreadableError("undecodable", "it has no video stream")
            stream = container.streams.video[0]
            stream.thread_type = "SLICE"
            shown = _shown(container, stream, start_s or 0.0, end_s, max_duration_s)
            frames = [
                _picture(frame, height_px, width_px, box)
                for frame, count in _sampled(shown, rate_hz, start_s or 0.0)
                for _ in range(count)
            ]
    except (av.FFmpegError, OSError, ValueError) as error:
        raise UnreadableError("undecodable", str(error)) from None
    if not frames:
        raise UnreadableError("undecodable", "it holds no pictures in the stretch asked for")
    return np.stack(frames)


def _shown(
    container: Any, stream: Any, start_s: float, end_s: float | None, max_duration_s: float
) -> Iterator[tuple[Any, float, float]]:
    """Each frame of the stretch with the times at which it appears and disappears."""
    stated_s = float(stream.duration * stream.time_base) if stream.duration else 0.0
    stop_s = min(end_s if end_s is not None else stated_s, stated_s)
    _refuse_long(stop_s - start_s, max_duration_s)
    origin_s = float((stream.start_time or 0) * stream.time_base)
    if start_s > 0:
        container.seek(round((origin_s + start_s) * av.time_base))
    period_s = 1 / float(stream.average_rate) if stream.average_rate else 0.04
    waiting, appears_s, ends_s = None, 0.0, start_s
    for frame in container.decode(stream):
        now_s = float(frame.pts * frame.time_base) - origin_s if frame.pts is not None else ends_s
        if waiting is not None and now_s > start_s:
            yield waiting, max(appears_s, start_s), min(now_s, end_s or now_s)
        waiting, appears_s, ends_s = frame, now_s, now_s + period_s
        if end_s is not None and now_s >= end_s:
            return
        _refuse_long(now_s - start_s, max_duration_s)
    if ends_s - start_s < MIN_DECODED_SHARE * (stop_s - start_s):
        detail = f"its pictures end after {ends_s:.2f} s, and it states {stated_s:.2f} s"
        raise UnreadableError("undecodable", detail)
    if waiting is not None:
        yield waiting, max(appears_s, start_s), min(ends_s, end_s or ends_s)


def _sampled(
    shown: Iterator[tuple[Any, float, float]], rate_hz: float, start_s: float
) -> Iterator[tuple[Any, int]]:
    """Each frame with the number of times it is sampled, so that only those are converted."""
    done, last, ends_s = 0, None, start_s
    for frame, _, disappears_s in shown:
        last, ends_s = frame, disappears_s
        # Half a millisecond of grace: stated times are rounded to the stream's time base.
        due = int(np.floor((disappears_s - start_s) * rate_hz + 0.5 + 5e-4 * rate_hz))
        if due > done:
            yield frame, due - done
            done = due
    if done == 0 and last is not None and ends_s > start_s:
        yield last, 1


def _picture(frame: Any, height_px: int, width_px: int, box: Any) -> Frames:
    if box is not None:
        left, top, right, bottom = box
        pixels = frame.to_ndarray(format="rgb24")
        rows = slice(round(top * frame.height), round(bottom * frame.height))
        columns = slice(round(left * frame.width), round(right * frame.width))
        cut = np.ascontiguousarray(pixels[rows, columns])
        frame = av.VideoFrame.from_ndarray(cut, format="rgb24")
    resized = frame.reformat(width_px, height_px, "rgb24", interpolation="BILINEAR")
    return np.asarray(resized.to_ndarray(), np.uint8)


def _refuse_long(duration_s: float, max_duration_s: float) -> None:
    if duration_s > max_duration_s:
        detail = f"it lasts {duration_s:.1f} s or more; extract.max_duration_s is {max_duration_s}"
        raise UnreadableError("too-long", detail)
