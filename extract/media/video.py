"""A video file to the frames that are on the screen at given times. Needs no torch."""

from collections.abc import Iterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import av
import numpy as np
from av.video.reformatter import VideoReformatter
from numpy.typing import NDArray

from extract.media.errors import UnreadableError, fault_of, is_passing
from extract.media.files.container import exceeds_pixels
from extract.media.frames import Box, Stretch, shown_frames

Picture = NDArray[np.uint8]


def sampled_pictures(
    path: Path, rates_hz: Sequence[float], stretch: Stretch
) -> Iterator[tuple[Picture, tuple[int, ...]]]:
    """Decode a stretch once and sample it at several rates.

    At a rate the k-th sample is the frame on the screen at `start_s + (k + 0.5) / rate` (of two
    that meet there the earlier), so there are as many as the duration times the rate, rounded
    (halves up), and at least 1. Times count from the start of the file, which is that of its
    earliest stream; until the video begins, its first frame is on the screen. Only sampled frames
    are converted. They are RGB `(H, W, 3)`, upright, deinterlaced, in their own size (pixels that
    are not square stay so).

    Yields:
        a frame, and for each rate how many times it is sampled.

    Raises:
        UnreadableError: ``undecodable`` (damaged, shorter than it states, no frames), ``absent``
            (no video), ``too-long`` or ``too-large``.
    """
    if not path.is_file():
        raise UnreadableError("undecodable", "it is not a regular file")
    empty = True
    # One for all frames: that of a frame itself would be set up anew for each.
    reformatter = VideoReformatter()
    try:
        frames = shown_frames(path, stretch)
        with closing(frames):
            for frame, counts in _sampled(frames, rates_hz, stretch.start_s):
                yield _picture(frame, reformatter, stretch.box), counts
                empty = False
    except (av.FFmpegError, ValueError) as error:
        if is_passing(error):
            raise
        if exceeds_pixels(path):
            raise UnreadableError("too-large", "its frames have too many pixels") from None
        raise UnreadableError("undecodable", fault_of(error)) from None
    if empty:
        raise UnreadableError("undecodable", "it has no frames in that stretch")


def _sampled(
    frames: Iterator[tuple[Any, float]], rates_hz: Sequence[float], start_s: float
) -> Iterator[tuple[Any, tuple[int, ...]]]:
    """Each frame that is sampled at some rate, with the number of times at each."""
    rates = np.array(rates_hz)
    num_done, last, ends_s = np.zeros(len(rates), int), None, start_s
    for frame, disappears_s in frames:
        last, ends_s = frame, disappears_s
        # Half a millisecond of tolerance: stated times are rounded to the stream's time base.
        num_until_now = np.floor((disappears_s - start_s + 5e-4) * rates + 0.5).astype(int)
        num_new = np.maximum(num_until_now - num_done, 0)
        if num_new.any():
            yield frame, tuple(num_new.tolist())
            num_done += num_new
    if last is not None and ends_s > start_s and not num_done.all():
        yield last, tuple((num_done == 0).astype(int).tolist())


def _picture(frame: Any, reformatter: VideoReformatter, box: Box | None) -> Picture:
    converted: Any = reformatter.reformat(frame, format="rgb24")
    pixels = np.asarray(converted.to_ndarray(), np.uint8)
    # The file states by how much its frames are to be turned counter-clockwise.
    upright = np.rot90(pixels, round(frame.rotation / 90) % 4)
    if box is not None:
        (height, width, _), (left, top, right, bottom) = upright.shape, box
        rows = slice(round(top * height), round(bottom * height))
        upright = upright[rows, round(left * width) : round(right * width)]
        if 0 in upright.shape:
            raise ValueError(f"the box {box} is empty in a frame of {width} x {height}")
    return np.ascontiguousarray(upright)
