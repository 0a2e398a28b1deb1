"""VideoLLaMA3 of the Hugging Face library, in three branches.

- `branch: video`: the language model's input for each frame, after the vision tower and the
  projector. Frames do not attend to each other.
- `branch: text`: the language model's input embeddings of the words, one step per token.
- `branch: joint`: the language model's states over frames and words together; first the steps of
  the video, then those of the words (the store's fact `num_video_steps` says where they begin).
  `layers` counts from 0 (the embeddings) to its number of layers; the last is taken after the final
  norm.

A frame becomes about `max_tokens` tokens at most, however long the clip is. (The published
processor divides a number of pixels among the frames of a clip, and drops tokens that hardly
change; then they depend on the other frames.) The steps of a frame are the means over `grid` x
`grid` cells, row by row (1: one mean), or all its tokens where `grid` is null.

`joint` reads up to `window_s` of video at a time; each window of a longer clip is followed by the
words. Prompts and chat markup are left out. `checkpoint: tiny` is a random network, drawn from
`seed`, that needs no file.
"""

import tempfile
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Literal

from transformers import VideoLlama3Config, VideoLlama3VideoProcessor

from extract.backbones._videollama.branches import JointBranch, TextBranch, VideoBranch
from extract.backbones._videollama.input import FramesInput, JointInput, TokenShape
from extract.backbones._videollama.networks import EmbeddingNetwork, JointNetwork, VisionNetwork
from extract.backbones._videollama.tiny import save_tiny
from extract.backbones.hf_text import load_tokenizer
from extract.media.faces import face_weights
from extract.network.checkpoint_folders import checkpoint_folder, digest_checkpoint
from extract.network.checkpoints import load_part, load_pretrained
from extract.network.compute import CPU, Compute
from features.errors import ProjectError

MODALITY = {"branch": {"video": "video", "text": "text", "joint": "video"}}
VERSION = 1
RANGES = {
    "layers": (0, None),
    "rate_hz": (0.01, 100),
    "max_tokens": (1, 4096),
    "grid": (1, 64),
    "window_s": (1, 3600),
    "seed": (0, 4294967295),
}
ARCHITECTURES = ("video_llama_3",)
FRAMES_PER_WINDOW = 16
# Of a video, two by two patches become one token.
MERGE = 2


def load(
    compute: Compute,
    *,
    branch: Literal["video", "text", "joint"],
    checkpoint: str,
    revision: str | None = None,
    layers: list[int] | None = None,
    rate_hz: float = 1.0,
    max_tokens: int = 256,
    grid: int | None = 1,
    window_s: float = 60.0,
    face_crop: bool = False,
    seed: int = 0,
) -> VideoBranch | TextBranch:
    """Load a branch from a folder, a pinned hub repository, or `tiny`."""
    settings = Settings(layers, rate_hz, max_tokens, grid, window_s, face_crop)
    settings.refuse_idle(branch)
    if checkpoint == "tiny":
        with tempfile.TemporaryDirectory() as name:
            save_tiny(Path(name), seed)
            return _loaded(compute, branch, Path(name), settings)
    return _loaded(compute, branch, checkpoint_folder(checkpoint, revision), settings)


@dataclass(frozen=True)
class Settings:
    """The settings of a branch, with their defaults."""

    layers: list[int] | None = None
    rate_hz: float = 1.0
    max_tokens: int = 256
    grid: int | None = 1
    window_s: float = 60.0
    face_crop: bool = False

    def refuse_idle(self, branch: str) -> None:
        """Refuse a setting without effect in a branch; changing it would remake the same tracks."""
        idle = {"video": ("layers", "window_s"), "joint": ()}
        names = idle.get(branch, tuple(field.name for field in fields(self)))
        for name in names:
            if getattr(self, name) != getattr(Settings(), name):
                raise ProjectError(
                    f"{name} is {getattr(self, name)} and branch is {branch!r}, on which it has "
                    f"no effect. Leave {name} out."
                )


def _loaded(
    compute: Compute, branch: str, folder: Path, settings: Settings
) -> VideoBranch | TextBranch:
    digest = digest_checkpoint(folder)
    kinds = {"video": VisionNetwork, "text": EmbeddingNetwork, "joint": JointNetwork}
    network = load_pretrained(kinds[branch], folder, compute, ARCHITECTURES)
    if branch == "text":
        return TextBranch(network, digest, load_tokenizer(folder), compute, VERSION)
    config, processor = network.config, _fitting_processor(folder, network.config)
    token_px = processor.patch_size * MERGE
    least = processor.size.shortest_edge
    shape = TokenShape(token_px, settings.max_tokens, least, settings.face_crop)
    video = (settings.rate_hz, face_weights(settings.face_crop), shape)
    if branch == "video":
        prepare = FramesInput(*video, FRAMES_PER_WINDOW, settings.grid)
        return VideoBranch(network, digest, processor, prepare, compute, VERSION)
    limit = max(1, round(settings.window_s * settings.rate_hz))
    positions = int(config.text_config.max_position_embeddings)
    if limit * settings.max_tokens >= positions:
        raise ProjectError(
            f"a window of {settings.window_s} s has {limit} frames of up to {settings.max_tokens} "
            f"tokens, but the network in {folder} has {positions} positions; lower window_s, "
            "rate_hz or max_tokens"
        )
    text = (load_tokenizer(folder), config.video_token_id, positions)
    joint = JointInput(*video, limit, settings.grid, *text)
    return JointBranch(network, digest, processor, joint, compute, VERSION, settings.layers)


def _fitting_processor(folder: Path, config: VideoLlama3Config) -> VideoLlama3VideoProcessor:
    """The checkpoint's preprocessing of videos; its patches must fit the network."""
    processor = load_part(VideoLlama3VideoProcessor, folder)
    stated = (processor.patch_size, processor.merge_size, processor.temporal_patch_size)
    fitting = (config.vision_config.patch_size, MERGE, 1)
    if stated != fitting:
        raise ProjectError(
            f"the video preprocessing of the checkpoint in {folder} does not fit its network: "
            f"patch size in pixels, patches merged per side and frames per patch are {stated}, and "
            f"should be {fitting}. Copy video_preprocessor_config.json from the same checkpoint."
        )
    return processor


def tiny() -> VideoBranch | TextBranch:
    """The joint branch of a tiny network, all layers."""
    return load(CPU, branch="joint", checkpoint="tiny", layers=[0, 1, 2], window_s=12.0)
