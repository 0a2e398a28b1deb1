"""VideoMAE of the Hugging Face library: a transformer over 16 frames at a time.

A step is two frames, averaged over the image; with `grid: g` each moment has g * g steps, one per
cell of the image, row by row. A clip is cut into windows of 16 frames that overlap by a quarter; of
the overlap each keeps the half nearer to its own middle. Where a window reaches beyond the end,
the last frame is repeated, and steps of nothing but repeated frames are left out. `layers` counts
from 0 (the embedded patches) to its number of layers; the last is taken after the final norm, where
the network has one.
"""

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from torch import Tensor
from transformers import VideoMAEConfig, VideoMAEImageProcessor, VideoMAEModel

from extract.backbones._layers import chosen_layers, layer_states
from extract.backbones._video.checkpoint import LibraryShape, library_shape, squares
from extract.backbones._video.frames import Scale, cell_means, nominal_steps
from extract.media.clip import Clip
from extract.media.faces import face_weights
from extract.media.video import Picture
from extract.network.backbone import Example, Reading, Window, freeze, seeded
from extract.network.checkpoint_folders import checkpoint_folder, digest_checkpoint
from extract.network.checkpoints import load_pretrained
from extract.network.compute import CPU, Compute
from extract.network.windows import Windowing

MODALITY = "video"
VERSION = 1
RANGES = {"layers": (0, None), "rate_hz": (0.1, 1000), "grid": (1, 14)}


@dataclass(frozen=True)
class VideoMaeInput:
    """Cuts a clip into windows of `num_frames`; a moment is `frames_per_step` of them."""

    rate_hz: float
    face_weights: Path | None
    shape: LibraryShape
    num_frames: int
    frames_per_step: int
    cells: int

    def frame(self, picture: Picture) -> Picture:
        return self.shape(picture)

    def __call__(self, clip: Clip) -> Example:
        size = self.frames_per_step
        limit, last = self.num_frames // size, len(clip.frames) - 1
        windows = []
        for cut in Windowing(limit, limit // 4).cuts(-(-len(clip.frames) // size)):
            places = np.minimum(cut.start * size + np.arange(self.num_frames), last)
            keep = slice(cut.keep.start * self.cells, cut.keep.stop * self.cells)
            windows.append(Window(clip.frames[places], keep))
        return Example(tuple(windows), facts=clip.facts(self.cells))


class VideoMae:
    """A VideoMAE encoder."""

    modality = MODALITY
    version = VERSION
    reading = Reading((MODALITY,))

    def __init__(
        self,
        network: VideoMAEModel,
        weights_digest: str,
        prepare: VideoMaeInput,
        layers: Sequence[int] | None,
        grid: int,
        compute: Compute,
    ) -> None:
        config = network.config
        self.network: VideoMAEModel = freeze(network, compute)
        self.weights_digest = weights_digest
        self.compute = compute
        self.prepare = prepare
        self.scale = freeze(Scale(*prepare.shape.moments), compute)
        self.grid = grid
        self.dim = int(config.hidden_size)
        self.layers = chosen_layers(layers, config.num_hidden_layers)
        self.rate_hz = prepare.rate_hz / prepare.frames_per_step
        self.first_step_s = prepare.frames_per_step / 2 / prepare.rate_hz
        self.nominal_steps = nominal_steps(self.rate_hz, prepare.cells)
        self.side = config.image_size // config.patch_size
        self.window_steps = prepare.num_frames // prepare.frames_per_step * self.side**2
        self.budget = self.window_steps * compute.pick(cpu=2, cuda=32)

    def cost(self, window: Window) -> int:
        return int(self.window_steps)

    def encode(self, windows: Sequence[Window]) -> list[Tensor]:
        frames = self.compute.put(np.stack([window.values for window in windows]))
        pixels = self.scale(frames)
        with layer_states(self.network.encoder.layer, self.layers) as stacked:
            states = stacked(self.network(pixels).last_hidden_state)
        maps = states.reshape(-1, self.side, self.side, self.dim).movedim(-1, 1)
        cells = cell_means(maps, self.grid)
        return list(cells.reshape(len(windows), len(self.layers), -1, self.dim))


def load(
    compute: Compute,
    *,
    checkpoint: str,
    revision: str | None = None,
    layers: list[int] | None = None,
    rate_hz: float = 8.0,
    face_crop: bool = False,
    grid: int = 1,
) -> VideoMae:
    """Load a folder or a pinned hub repository."""
    folder = checkpoint_folder(checkpoint, revision)
    digest = digest_checkpoint(folder)
    network = load_pretrained(VideoMAEModel, folder, compute, ["videomae"])
    config = network.config
    shape = library_shape(folder, config.image_size)
    faces = face_weights(face_crop)
    size = config.tubelet_size
    prepare = VideoMaeInput(rate_hz, faces, shape, config.num_frames, size, grid * grid)
    return VideoMae(network, digest, prepare, layers, grid, compute)


def tiny() -> VideoMae:
    """Two layers of width 16 over 8 frames of 16 x 16, read back from a saved checkpoint."""
    config = VideoMAEConfig(
        image_size=16,
        patch_size=8,
        num_frames=8,
        hidden_size=16,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=32,
    )
    with tempfile.TemporaryDirectory() as name:
        VideoMAEImageProcessor(**squares(16)).save_pretrained(name)
        seeded(0, lambda: VideoMAEModel(config)).save_pretrained(name)
        return load(CPU, checkpoint=name, layers=[0, 1, 2])
