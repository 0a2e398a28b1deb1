"""Small videos that tests make."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import av
import numpy as np

Pictures = Sequence[np.ndarray[Any, np.dtype[np.uint8]]]


def write_video(
    path: Path, levels: Sequence[int], rate: int = 10, size: tuple[int, int] = (32, 48)
) -> None:
    """Frames of one grey each."""
    write_frames(path, [np.full((*size, 3), level, np.uint8) for level in levels], rate)


def write_frames(
    path: Path,
    pictures: Pictures,
    rate: int = 10,
    *,
    times: Sequence[int] | None = None,
    rotation: int = 0,
    codec: str = "libx264",
    pixels: str = "yuv420p",
    options: dict[str, str] | None = None,
) -> None:
    """Encode frames `(H, W, 3)`.

    `times` are frame numbers, for a rate that varies; `rotation` is the angle, counter-clockwise,
    by which players turn the frames.
    """
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=rate)
        stream.height, stream.width, stream.pix_fmt = *pictures[0].shape[:2], pixels
        stream.options = options or {"preset": "ultrafast", "crf": "1"}
        if rotation:
            stream.set_display_rotation(rotation)
        for number, picture in enumerate(pictures):
            frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(picture), "rgb24")
            if times is not None:
                frame.pts = times[number]
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
