"""R3D-18 of torchvision: a 3-D ResNet over frames, averaged over space but not over time.

A step is one temporal position of the last stage: every 8 frames (T frames give ceil(T / 8)
steps), 512 wide. The network pads time with zeros inside, so only clips of equal length share a
batch. Frames are resized to 8:7 of `size_px`, cut to the centre square and scaled as published
for Kinetics-400.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from torch import Tensor
from torchvision.models.video import R3D_18_Weights, r3d_18
from torchvision.models.video.resnet import BasicBlock, BasicStem, Conv3DSimple, VideoResNet

from extract.backbone import Example, Window, freeze, seeded
from extract.compute import CPU, Compute
from extract.media.video import Frames
from features.errors import ProjectError
from features.files import digest_json

MODALITY = "video"
VERSION = 1
RANGES = {"rate_hz": (0.1, 1000), "size_px": (16, 1024), "seed": (0, 4294967295)}
FRAMES_PER_STEP = 8
MEAN = (0.43216, 0.394666, 0.37645)
STD = (0.22803, 0.22145, 0.216989)
# The published frames are 128 x 171 before the 112 x 112 centre is cut out.
RESIZED = (128 / 112, 171 / 112)


@dataclass(frozen=True)
class CentreCut:
    """Cuts the centre square out of frames."""

    size_px: int

    def __call__(self, media: Frames) -> Example:
        top = round((media.shape[1] - self.size_px) / 2)
        left = round((media.shape[2] - self.size_px) / 2)
        cut = media[:, top : top + self.size_px, left : left + self.size_px]
        return Example((Window(np.ascontiguousarray(cut)),))


class R3d:
    """A 3-D ResNet without its classifier."""

    modality = MODALITY
    version = VERSION
    layers = (4,)
    nominal_steps = 8

    def __init__(
        self,
        network: VideoResNet,
        weights_digest: str,
        rate_hz: float,
        size_px: int,
        compute: Compute,
    ) -> None:
        self.dim = network.fc.in_features
        self.network: VideoResNet = freeze(network, compute)
        self.weights_digest = weights_digest
        self.compute = compute
        self.prepare = CentreCut(size_px)
        self.rate_hz = rate_hz / FRAMES_PER_STEP
        self.first_step_s = 0.5 / rate_hz
        height_px, width_px = (round(size_px * share) for share in RESIZED)
        self.reading = {"rate_hz": rate_hz, "height_px": height_px, "width_px": width_px}
        # So many frames of 112 x 112 at a time.
        num_frames = compute.pick(cpu=64, cuda=1024)
        self.budget = max(1, round(num_frames * (112 / size_px) ** 2))

    def cost(self, window: Window) -> int:
        return len(window.values)

    def encode(self, windows: Sequence[Window]) -> list[Tensor]:
        tracks: dict[int, Tensor] = {}
        for length in {self.cost(window) for window in windows}:
            places = [p for p, window in enumerate(windows) if self.cost(window) == length]
            clips = self.compute.put(np.stack([windows[place].values for place in places]))
            steps = self._steps(scaled(clips.permute(0, 4, 1, 2, 3)))
            tracks.update(zip(places, steps, strict=True))
        return [tracks[place] for place in range(len(windows))]

    def _steps(self, clips: Tensor) -> Tensor:
        """Clips `(B, 3, T, H, W)` to tracks `(B, 1, ceil(T / 8), 512)`."""
        hidden = self.network.stem(clips)
        for stage in (1, 2, 3, 4):
            hidden = getattr(self.network, f"layer{stage}")(hidden)
        pooled: Tensor = hidden.mean(dim=(3, 4)).transpose(1, 2)
        return pooled[:, None].float()


def scaled(clips: Tensor) -> Tensor:
    """Pixels `(B, 3, T, H, W)` of 0 to 255 on the scale of the published weights, float32."""
    mean, std = (
        torch.tensor(values, device=clips.device).reshape(3, 1, 1, 1) for values in (MEAN, STD)
    )
    return (clips.float() / 255 - mean) / std


def load(
    compute: Compute,
    *,
    weights: Literal["kinetics400", "random"] = "kinetics400",
    rate_hz: float = 15.0,
    size_px: int = 112,
    seed: int = 0,
) -> R3d:
    """Load R3D-18 with its Kinetics-400 weights, or with random ones drawn from `seed`."""
    if weights == "random":
        network = seeded(seed, lambda: r3d_18(weights=None))
        return R3d(network, digest_json(["random", seed]), rate_hz, size_px, compute)
    published = R3D_18_Weights.KINETICS400_V1
    try:
        state = published.get_state_dict(check_hash=True, progress=False, weights_only=True)
    except OSError as error:
        raise ProjectError(
            f"the weights of r3d are not on this machine and could not be downloaded ({error}). "
            f"Connect to the network once, or put {published.url.rsplit('/', 1)[1]} into "
            f"{torch.hub.get_dir()}/checkpoints."
        ) from None
    network = r3d_18(weights=None)
    network.load_state_dict(state)
    return R3d(network, digest_json(published.url), rate_hz, size_px, compute)


def tiny() -> R3d:
    """Four stages of one block each, of the usual widths, on frames of 16 x 16."""

    def build() -> VideoResNet:
        return VideoResNet(BasicBlock, [Conv3DSimple] * 4, [1, 1, 1, 1], BasicStem)

    return R3d(seeded(0, build), digest_json(["random", 0]), 8.0, 16, CPU)
