"""A video file to frames at a rate and size. Needs no torch."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import av
import numpy as np
from numpy.typing import NDArray

from extract.media.errors import UnreadableError, refuse_long

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
            frames: list[Frames] = []
            for frame, count in _sampled(shown, rate_hz, start_s or 0.0):
                frames += [_picture(frame, height_px, width_px, box)] * count
    except (av.FFmpegError, ValueError) as error:
        if isinstance(error, OSError):
            raise  # the disk's fault and not the file's
        raise UnreadableError("undecodable", str(error)) from None
    if not frames:
        raise UnreadableError("undecodable", "it holds no pictures in the stretch asked for")
    return np.stack(frames)


def _shown(
    container: Any, stream: Any, start_s: float, end_s: float | None, max_duration_s: float
) -> Iterator[tuple[Any, float]]:
    """Each frame that the stretch shows, with the time at which it disappears."""
    stated_s = _stated_duration_s(container, stream)
    stop_s = min(end_s if end_s is not None else stated_s, stated_s)
    refuse_long(stop_s - start_s, max_duration_s)
    origin_s = float((stream.start_time or 0) * stream.time_base)
    if start_s > 0:
        container.seek(round((origin_s + start_s) * av.time_base))
    period_s = 1 / float(stream.average_rate) if stream.average_rate else 0.04
    waiting, ends_s = None, start_s
    for frame in container.decode(stream):
        now_s = float(frame.pts * frame.time_base) - origin_s if frame.pts is not None else ends_s
        refuse_long(min(now_s, end_s or now_s) - start_s, max_duration_s)
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


def _stated_duration_s(container: Any, stream: Any) -> float:
    if stream.duration:
        return float(stream.duration * stream.time_base)
    return container.duration / av.time_base if container.duration else 0.0


def _sampled(
    shown: Iterator[tuple[Any, float]], rate_hz: float, start_s: float
) -> Iterator[tuple[Any, int]]:
    """Each frame that is sampled, with the number of times that it is."""
    done, last, ends_s = 0, None, start_s
    for frame, disappears_s in shown:
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
