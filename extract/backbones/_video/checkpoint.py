"""Frames as the image processors of the Hugging Face library shape them."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from transformers import AutoImageProcessor

from extract.media.video import Picture
from extract.network.checkpoints import load_part
from features.errors import ProjectError


@dataclass(frozen=True)
class LibraryShape:
    """The checkpoint's own resizing and cutting; values stay uint8 until they are on the device."""

    processor: Any

    def __call__(self, picture: Picture) -> Picture:
        """A frame `(H, W, 3)` in its new shape."""
        output = self.processor(
            [picture],
            do_rescale=False,
            do_normalize=False,
            input_data_format="channels_last",
            return_tensors="pt",
        )
        pixels = output["pixel_values"].reshape(-1, *output["pixel_values"].shape[-2:])
        return np.ascontiguousarray(pixels.permute(1, 2, 0).numpy())

    @property
    def moments(self) -> tuple[Sequence[float], Sequence[float]]:
        """Mean and deviation of each colour, by which pixels of 0 to 1 are scaled."""
        return self.processor.image_mean, self.processor.image_std


def squares(size_px: int) -> dict[str, dict[str, int]]:
    """Settings of a processor that cuts the largest square out of the middle."""
    return {
        "size": {"shortest_edge": size_px},
        "crop_size": {"height": size_px, "width": size_px},
    }


def library_shape(folder: Path, size_px: int) -> LibraryShape:
    """The preprocessing in a checkpoint's folder, which must give squares of `size_px`."""
    shape = LibraryShape(load_part(AutoImageProcessor, folder))
    result = shape(np.zeros((size_px + 9, 2 * size_px, 3), np.uint8)).shape
    rescales = shape.processor.do_rescale and shape.processor.rescale_factor == 1 / 255
    if result != (size_px, size_px, 3) or not rescales or not shape.processor.do_normalize:
        raise ProjectError(
            f"the preprocessing of the checkpoint in {folder} does not fit its network: it gives "
            f"frames of {result[0]} x {result[1]}, or does not scale their values, and the "
            f"network takes {size_px} x {size_px}, scaled. Copy both from the same published "
            "checkpoint."
        )
    return shape
