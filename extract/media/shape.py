"""Resizes frames to the size that a network takes."""

from dataclasses import dataclass

import numpy as np
import torch
from torchvision.transforms import functional as tvf

from extract.media.errors import MAX_FRAME_PIXELS, refuse_large
from extract.media.video import Picture


@dataclass(frozen=True)
class Shape:
    """How a frame is resized, and what is cut out of its middle; values stay uint8.

    In float32 in between, like the transforms that torchvision publishes with its weights.

    Attributes:
        resized: height and width, or the length of the shorter edge, the other in proportion.
        cut: height and width of the piece that is cut out of the middle, with black around it
            where the piece is larger.
        bicubic, antialias: how pixels are interpolated; bilinear, and without a filter against
            aliasing, where they are off.
    """

    resized: tuple[int, int] | int
    cut: tuple[int, int]
    bicubic: bool = False
    antialias: bool = True

    def __call__(self, picture: Picture) -> Picture:
        """A frame `(H, W, 3)` in its new shape.

        Raises UnreadableError ``too-large`` for one that is so narrow that it would become huge.
        """
        if isinstance(self.resized, int):
            shorter, longer = sorted(picture.shape[:2])
            num_pixels = self.resized * self.resized * longer // shorter
            refuse_large(num_pixels, MAX_FRAME_PIXELS, "pixels in a resized frame")
        pixels = torch.from_numpy(picture).permute(2, 0, 1)
        size = [self.resized] if isinstance(self.resized, int) else list(self.resized)
        mode = tvf.InterpolationMode.BICUBIC if self.bicubic else tvf.InterpolationMode.BILINEAR
        pixels = tvf.resize(pixels, size, interpolation=mode, antialias=self.antialias)
        pixels = tvf.center_crop(pixels, list(self.cut))
        return np.ascontiguousarray(pixels.permute(1, 2, 0).numpy())
