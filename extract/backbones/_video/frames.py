"""Shared by networks on frames: their input, and means over the cells of a frame."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn

from extract.media.clip import Clip, Frames
from extract.media.video import Picture
from extract.network.backbone import Example, Window
from extract.network.windows import Windowing


@dataclass(frozen=True)
class SingleFrames:
    """For networks that take each frame alone: runs of up to `limit` frames."""

    rate_hz: float
    face_weights: Path | None
    shape: Callable[[Picture], Picture]
    limit: int

    def frame(self, picture: Picture) -> Picture:
        return self.shape(picture)

    def __call__(self, clip: Clip) -> Example:
        return Example(tuple(map(Window, self.runs(clip))), facts=clip.facts())

    def runs(self, clip: Clip) -> list[Frames]:
        """The frames of a clip, up to `limit` at a time."""
        cuts = Windowing(self.limit, 0).cuts(len(clip.frames))
        return [clip.frames[cut.start : cut.stop] for cut in cuts]


def nominal_steps(rate_hz: float, cells: int = 1) -> int:
    """The steps of an utterance of four seconds."""
    return max(1, round(4 * rate_hz)) * cells


class Scale(nn.Module):
    """Frames `(..., H, W, 3)` of 0 to 255 to float32 `(..., 3, H, W)` with mean 0, deviation 1."""

    def __init__(self, mean: Sequence[float], std: Sequence[float]) -> None:
        super().__init__()
        self.register_buffer("mean", torch.tensor(mean, dtype=torch.float32))
        self.register_buffer("std", torch.tensor(std, dtype=torch.float32))

    def forward(self, frames: Tensor) -> Tensor:
        """The frames, scaled, on the device where they are."""
        scaled: Tensor = (frames.float() / 255 - self.mean) / self.std  # type: ignore[operator]
        return scaled.movedim(-1, -3)


def cell_means(maps: Tensor, grid: int) -> Tensor:
    """Maps `(N, C, H, W)` to means over `grid` x `grid` cells, row by row: `(N, grid * grid, C)`.

    A grid that does not divide the map has cells that share rows or columns.
    """
    pooled = torch.nn.functional.adaptive_avg_pool2d(maps, grid)
    return pooled.flatten(2).transpose(1, 2)
