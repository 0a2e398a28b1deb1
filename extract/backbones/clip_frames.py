"""The image towers of CLIP and SigLIP on every frame, each alone: one step per frame.

A step is the network's embedding of the frame: CLIP's after the projection into the space that it
shares with texts, SigLIP's from its pooling head.
"""

import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from torch import Tensor
from transformers import (
    CLIPConfig,
    CLIPImageProcessor,
    CLIPVisionConfig,
    CLIPVisionModelWithProjection,
    SiglipVisionModel,
)

from extract.backbones._video.checkpoint import LibraryShape, library_shape, squares
from extract.backbones._video.frames import Scale, SingleFrames, nominal_steps
from extract.media.faces import face_weights
from extract.network.backbone import Reading, Window, freeze, seeded
from extract.network.checkpoint_folders import checkpoint_folder, digest_checkpoint
from extract.network.checkpoints import load_part, load_pretrained, model_type
from extract.network.compute import CPU, Compute

MODALITY = "video"
VERSION = 1
RANGES = {"rate_hz": (0.1, 1000)}
NETWORKS = {
    "clip": CLIPVisionModelWithProjection,
    "clip_vision_model": CLIPVisionModelWithProjection,
    "siglip": SiglipVisionModel,
    "siglip_vision_model": SiglipVisionModel,
}
FRAMES_PER_WINDOW = 32
# Frames of a batch. On a CPU 12 to 24 are fastest by some 7 %.
BUDGET = {"cpu": 16, "cuda": 512}


class ClipFrames:
    """An image tower without the text tower."""

    modality = MODALITY
    version = VERSION
    reading = Reading((MODALITY,))

    def __init__(
        self,
        network: Any,
        weights_digest: str,
        shape: LibraryShape,
        prepare: SingleFrames,
        compute: Compute,
    ) -> None:
        config = network.config
        self.network: Any = freeze(network, compute)
        self.weights_digest = weights_digest
        self.compute = compute
        self.scale = freeze(Scale(*shape.moments), compute)
        self.prepare = prepare
        self.projects = isinstance(network, CLIPVisionModelWithProjection)
        self.dim = int(config.projection_dim if self.projects else config.hidden_size)
        self.layers = (int(config.num_hidden_layers),)
        self.rate_hz = prepare.rate_hz
        self.first_step_s = 0.5 / prepare.rate_hz
        self.nominal_steps = nominal_steps(self.rate_hz)
        self.budget = compute.pick(**BUDGET)

    def cost(self, window: Window) -> int:
        return len(window.values)

    def encode(self, windows: Sequence[Window]) -> list[Tensor]:
        frames = self.compute.put(np.concatenate([window.values for window in windows]))
        output = self.network(self.scale(frames))
        embedded = output.image_embeds if self.projects else output.pooler_output
        tracks = embedded.float().split([len(window.values) for window in windows])
        return [track[None] for track in tracks]


def load(
    compute: Compute,
    *,
    checkpoint: str,
    revision: str | None = None,
    rate_hz: float = 4.0,
    face_crop: bool = False,
) -> ClipFrames:
    """Load a folder or a pinned hub repository; the text tower is not kept."""
    folder = checkpoint_folder(checkpoint, revision)
    digest = digest_checkpoint(folder)
    kind = NETWORKS.get(model_type(folder), CLIPVisionModelWithProjection)
    network = load_pretrained(kind, folder, compute, NETWORKS, **_projection(folder))
    shape = library_shape(folder, network.config.image_size)
    prepare = SingleFrames(rate_hz, face_weights(face_crop), shape, FRAMES_PER_WINDOW)
    return ClipFrames(network, digest, shape, prepare, compute)


def _projection(folder: Path) -> dict[str, Any]:
    """The vision tower's config with the projection's width, which some state for both towers."""
    if model_type(folder) != "clip":
        return {}
    config = load_part(CLIPConfig, folder)
    config.vision_config.projection_dim = config.projection_dim
    return {"config": config.vision_config}


def tiny() -> ClipFrames:
    """Two layers of width 16 on frames of 16 x 16, read back from a saved checkpoint."""
    config = CLIPVisionConfig(
        image_size=16,
        patch_size=8,
        hidden_size=16,
        projection_dim=12,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=32,
    )
    with tempfile.TemporaryDirectory() as name:
        CLIPImageProcessor(**squares(16)).save_pretrained(name)
        seeded(0, lambda: CLIPVisionModelWithProjection(config)).save_pretrained(name)
        return load(CPU, checkpoint=name)
