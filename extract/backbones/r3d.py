"""The 3-D ResNets of torchvision: R3D-18, MC3-18 and R(2+1)D-18, trained on Kinetics-400.

Dense over time, a step is one position of the last stage: 8 frames (T frames give ceil(T / 8)
steps), or one frame for MC3-18, averaged over space. With `window_frames` a step is a window of
that many frames, averaged over time too; windows begin `stride_frames` apart, and the last frame
is repeated where a window reaches beyond the end. With `grid: g` each moment has g * g steps, one
per cell of the frame, row by row.

The networks pad time with zeros inside. So on a CPU only clips of equal length share a batch; on a
GPU clips are set to zero after their ends before every convolution. A long clip is cut into
stretches that overlap by more than the network's receptive field, so it is encoded as if in one
piece.

`crop` says which part of a frame is taken: `published` resizes it to 8:7 and 61:40 of `size_px`
(128 x 171 for 112, which distorts it) and cuts out the middle, as the weights were trained;
`centre` keeps proportions and takes the largest square in the middle; `whole` squeezes all of it
into the square. Faces are cut out as squares, so `face_crop` needs `centre`.
"""

from collections.abc import Sequence
from typing import Literal

import numpy as np
from torch import Tensor
from torchvision.models.video.resnet import BasicBlock, BasicStem, Conv3DSimple, VideoResNet

from extract.backbones._video.clip_input import ClipInput
from extract.backbones._video.frames import Scale, cell_means, nominal_steps
from extract.backbones._video.resnet_padding import padding_as_alone
from extract.backbones._video.resnet_weights import MEAN, NETWORKS, STD, weighted_network
from extract.media.faces import face_weights
from extract.network.backbone import Reading, Window, freeze, seeded
from extract.network.compute import CPU, Compute
from features.errors import ProjectError
from features.files import digest_json

MODALITY = "video"
VERSION = 2
RANGES = {
    "rate_hz": (0.1, 1000),
    "size_px": (16, 256),
    "grid": (1, 7),
    "window_frames": (8, 512),
    "stride_frames": (1, 512),
    "seed": (0, 4294967295),
}
STRIDE_FRAMES = 8
# Frames of a batch, where they are 112 x 112.
BUDGET = {"cpu": 64, "cuda": 1024}
# The number of windows that may contain a frame.
MAX_COPIES = 4


class R3d:
    """A 3-D ResNet without its classifier."""

    modality = MODALITY
    version = VERSION
    layers = (4,)
    reading = Reading((MODALITY,))

    def __init__(
        self,
        network: VideoResNet,
        weights_digest: str,
        prepare: ClipInput,
        grid: int,
        compute: Compute,
    ) -> None:
        self.dim = network.fc.in_features
        self.network: VideoResNet = freeze(network, compute)
        self.weights_digest = weights_digest
        self.compute = compute
        self.prepare = prepare
        self.scale = freeze(Scale(MEAN, STD), compute)
        self.grid = grid
        frames_per_step = prepare.frames_per_step
        self.rate_hz = prepare.rate_hz / frames_per_step
        self.first_step_s = 0.5 / prepare.rate_hz
        if prepare.window_frames is not None:
            self.rate_hz = prepare.rate_hz / prepare.stride_frames
            self.first_step_s = prepare.window_frames / 2 / prepare.rate_hz
        self.nominal_steps = nominal_steps(self.rate_hz, prepare.cells)
        num_frames = compute.pick(**BUDGET)
        self.budget = max(1, round(num_frames * (112 / prepare.size_px) ** 2))

    def cost(self, window: Window) -> int:
        return len(window.values)

    def encode(self, windows: Sequence[Window]) -> list[Tensor]:
        return self.padded(windows) if self.compute.on_gpu else self.by_length(windows)

    def by_length(self, windows: Sequence[Window]) -> list[Tensor]:
        """Clips of one length at a time: nothing is computed for padding."""
        tracks: dict[int, Tensor] = {}
        for length in {self.cost(window) for window in windows}:
            places = [p for p, window in enumerate(windows) if self.cost(window) == length]
            frames = self.compute.put(np.stack([windows[place].values for place in places]))
            steps = self._steps(self.scale(frames).transpose(1, 2))
            tracks.update(zip(places, steps, strict=True))
        return [tracks[place] for place in range(len(windows))]

    def padded(self, windows: Sequence[Window]) -> list[Tensor]:
        """Clips of all lengths at once, where many small batches would leave a GPU idle."""
        lengths = np.array([self.cost(window) for window in windows])
        frames = np.zeros((len(windows), lengths.max(), *windows[0].values.shape[1:]), np.uint8)
        for row, window in zip(frames, windows, strict=True):
            row[: len(window.values)] = window.values
        put = self.compute.put
        with padding_as_alone(self.network, put(lengths)):
            steps = self._steps(self.scale(put(frames)).transpose(1, 2))
        if self.prepare.window_frames is not None:
            return list(steps)
        counts = -(-lengths // self.prepare.frames_per_step) * self.prepare.cells
        return [track[:, :count] for track, count in zip(steps, counts, strict=True)]

    def _steps(self, clips: Tensor) -> Tensor:
        """Clips `(B, 3, T, H, W)` to tracks `(B, 1, steps, D)`."""
        hidden = self.network.stem(clips)
        for stage in (1, 2, 3, 4):
            hidden = getattr(self.network, f"layer{stage}")(hidden)
        if self.prepare.window_frames is not None:
            hidden = hidden.mean(dim=2, keepdim=True)
        maps = hidden.transpose(1, 2)
        cells = cell_means(maps.flatten(0, 1).float(), self.grid)
        return cells.reshape(len(clips), 1, -1, self.dim)


def load(
    compute: Compute,
    *,
    architecture: Literal["r3d-18", "mc3-18", "r2plus1d-18"] = "r3d-18",
    weights: Literal["kinetics400", "random"] = "kinetics400",
    rate_hz: float = 15.0,
    size_px: int = 112,
    crop: Literal["published", "centre", "whole"] = "published",
    face_crop: bool = False,
    grid: int = 1,
    window_frames: int | None = None,
    stride_frames: int = 8,
    seed: int = 0,
) -> R3d:
    """Load a network with its Kinetics-400 weights, or with random ones drawn from `seed`."""
    _refuse_misfits(crop, face_crop, window_frames, stride_frames)
    *_, frames_per_step = NETWORKS[architecture]
    faces, cells = face_weights(face_crop), grid * grid
    windows = (window_frames, stride_frames)
    prepare = ClipInput(rate_hz, faces, crop, size_px, frames_per_step, cells, *windows)
    network, digest = weighted_network(architecture, weights, seed)
    return R3d(network, digest, prepare, grid, compute)


def _refuse_misfits(
    crop: str, face_crop: bool, window_frames: int | None, stride_frames: int
) -> None:
    if face_crop and crop != "centre":
        raise ProjectError(
            f"face_crop is true and crop is {crop!r}, which would distort faces or cut them "
            "off; set crop to centre"
        )
    if window_frames is None and stride_frames != STRIDE_FRAMES:
        raise ProjectError(
            f"stride_frames is {stride_frames}, but a dense track has no windows; give "
            "window_frames too, or leave stride_frames out"
        )
    if window_frames is not None and window_frames > MAX_COPIES * stride_frames:
        raise ProjectError(
            f"window_frames is {window_frames} and stride_frames is {stride_frames}; every frame "
            f"would be encoded {window_frames / stride_frames:.0f} times; at most {MAX_COPIES} are "
            "allowed. Give longer strides, or leave both out for a dense track."
        )


def tiny() -> R3d:
    """Four stages of one block each, of the usual widths, on frames of 16 x 16."""

    def build() -> VideoResNet:
        return VideoResNet(BasicBlock, [Conv3DSimple] * 4, [1, 1, 1, 1], BasicStem)

    prepare = ClipInput(8.0, None, "published", 16, frames_per_step=8, cells=1)
    return R3d(seeded(0, build), digest_json(["random", 0]), prepare, 1, CPU)
