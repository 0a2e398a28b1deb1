"""The input of the 3-D ResNets: squares, then windows or stretches of a dense track."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from extract.media.clip import Clip, Frames
from extract.media.shape import Shape
from extract.media.video import Picture
from extract.network.backbone import Example, Window
from extract.network.windows import Windowing

# The published frames are 128 x 171 before the 112 x 112 centre is cut out.
RESIZED = (128 / 112, 171 / 112)
# A step depends on no more than 109 frames, 54 on either side of its middle.
LIMIT_FRAMES, OVERLAP_FRAMES = 512, 128
# Beyond this size half as many frames are encoded at once.
LARGE_PX = 160


@dataclass(frozen=True)
class ClipInput:
    """Cuts a clip into windows, or into stretches of a dense track.

    `crop` and `size_px` say how frames become squares; a step is `frames_per_step` frames and a
    moment has `cells` steps; `window_frames` is None for a dense track.
    """

    rate_hz: float
    face_weights: Path | None
    crop: str
    size_px: int
    frames_per_step: int
    cells: int
    window_frames: int | None = None
    stride_frames: int = 8

    def frame(self, picture: Picture) -> Picture:
        return self.shape(picture)

    @property
    def shape(self) -> Shape:
        """How frames are resized and cut; without a filter, as the weights were trained."""
        square = (self.size_px, self.size_px)
        if self.crop == "published":
            height_px, width_px = (round(self.size_px * share) for share in RESIZED)
            return Shape((height_px, width_px), square, antialias=False)
        resized = square if self.crop == "whole" else self.size_px
        return Shape(resized, square, antialias=False)

    def __call__(self, clip: Clip) -> Example:
        cut = self._dense if self.window_frames is None else self._windows
        return Example(tuple(cut(clip.frames)), facts=clip.facts(self.cells))

    def _dense(self, frames: Frames) -> list[Window]:
        size = self.frames_per_step
        limit = LIMIT_FRAMES if self.size_px <= LARGE_PX else LIMIT_FRAMES // 2
        windowing = Windowing(limit // size, OVERLAP_FRAMES // size)
        return [
            Window(
                frames[cut.start * size : cut.stop * size],
                slice(cut.keep.start * self.cells, cut.keep.stop * self.cells),
            )
            for cut in windowing.cuts(-(-len(frames) // size))
        ]

    def _windows(self, frames: Frames) -> list[Window]:
        assert self.window_frames is not None
        beyond = max(0, len(frames) - self.window_frames)
        starts = np.arange(-(-beyond // self.stride_frames) + 1) * self.stride_frames
        last = len(frames) - 1
        return [
            Window(frames[np.minimum(start + np.arange(self.window_frames), last)])
            for start in starts[starts <= last]
        ]
