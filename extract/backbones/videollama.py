"""VideoLLaMA3 of the Hugging Face library, in three branches.

- `branch: video`: what the language model is shown of each frame, after the vision tower and the
  projector. Frames do not see each other.
- `branch: text`: the language model's input embeddings of the words, one step per token.
- `branch: joint`: the language model's states over frames and words together; first the steps of
  the video, then those of the words (the store's fact `num_video_steps` says where they begin).
  `layers` counts from 0 (the embeddings) to its number of layers; the last is taken after the final
  norm.

A frame becomes about `max_tokens` tokens at most, whatever the length of the clip. (The published
processor shares one number of pixels among the frames of a clip, and drops tokens that hardly
change; then they depend on the other frames.) `grid` says what is kept: the means over `grid` x
`grid` cells, row by row (1: one mean), or all tokens where it is null.

`joint` reads up to `window_s` of video at a time; each window of a longer clip is followed by the
words. Prompts and chat markup are left out. `checkpoint: tiny` is a random network, drawn from
`seed`, that needs no file.
"""

import tempfile
from pathlib import Path
from typing import Literal

from transformers import VideoLlama3VideoProcessor

from extract.backbones._videollama_branches import JointBranch, TextBranch, VideoBranch
from extract.backbones._videollama_input import JointInput, SeenInput, TokenShape
from extract.backbones._videollama_networks import Sight, Whole, Words
from extract.backbones._videollama_tiny import save_tiny
from extract.backbones.hf_text import load_tokenizer
from extract.checkpoint_folders import checkpoint_folder, digest_checkpoint
from extract.checkpoints import load_part, load_pretrained
from extract.compute import CPU, Compute
from extract.media.faces import face_weights
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
    if layers is not None and branch != "joint":
        raise ProjectError(
            f"layers is {layers} and branch is {branch!r}; only the branch 'joint' has layers to "
            "choose from. Leave layers out."
        )
    if checkpoint == "tiny":
        with tempfile.TemporaryDirectory() as name:
            save_tiny(Path(name), seed)
            return load(
                compute, branch=branch, checkpoint=name, layers=layers, rate_hz=rate_hz,
                max_tokens=max_tokens, grid=grid, window_s=window_s, face_crop=face_crop,
            )  # fmt: skip
    folder = checkpoint_folder(checkpoint, revision)
    digest = digest_checkpoint(folder)
    part = {"video": Sight, "text": Words, "joint": Whole}[branch]
    network = load_pretrained(part, folder, compute, ARCHITECTURES)
    if branch == "text":
        return TextBranch(network, digest, load_tokenizer(folder), compute)
    processor = load_part(VideoLlama3VideoProcessor, folder)
    token_px = processor.patch_size * processor.merge_size
    shape = TokenShape(token_px, max_tokens, processor.size.shortest_edge, face_crop)
    video = (rate_hz, face_weights(face_crop), shape, grid)
    if branch == "video":
        return VideoBranch(
            network, digest, processor, SeenInput(*video, FRAMES_PER_WINDOW), compute
        )
    limit = max(1, round(window_s * rate_hz))
    joint = JointInput(*video, limit, load_tokenizer(folder), network.config.video_token_id)
    return JointBranch(network, digest, processor, joint, compute, layers)


def tiny() -> VideoBranch | TextBranch:
    """The joint branch of a tiny network, all layers."""
    return load(CPU, branch="joint", checkpoint="tiny", layers=[0, 1, 2], window_s=12.0)
