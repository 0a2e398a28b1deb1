"""The parts of VideoLLaMA3 that a branch needs; the rest of a checkpoint is never loaded."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from transformers import AutoModel, VideoLlama3Config, VideoLlama3Model
from transformers.models.video_llama_3.modeling_video_llama_3 import (
    VideoLlama3PreTrainedModel,
    VideoLlama3Projector,
)
from transformers.vision_utils import get_vision_position_ids


class VisionNetwork(VideoLlama3PreTrainedModel):  # type: ignore[misc]
    """The vision tower and the projector."""

    config_class = VideoLlama3Config
    _keys_to_ignore_on_load_unexpected = ("language_model", "lm_head")

    def __init__(self, config: VideoLlama3Config) -> None:
        super().__init__(config)
        self.vision_model = AutoModel.from_config(config.vision_config)
        self.projector = VideoLlama3Projector(config)
        self.post_init()


class EmbeddingNetwork(VideoLlama3PreTrainedModel):  # type: ignore[misc]
    """The language model's input embeddings."""

    config_class = VideoLlama3Config
    _keys_to_ignore_on_load_unexpected = ("layers", "norm", "vision_model", "projector", "lm_head")

    def __init__(self, config: VideoLlama3Config) -> None:
        super().__init__(config)
        text = config.text_config
        self.language_model = nn.Module()
        self.language_model.embed_tokens = nn.Embedding(text.vocab_size, text.hidden_size)
        self.post_init()


class JointNetwork(VideoLlama3Model):  # type: ignore[misc]
    """Everything but the output layer over the vocabulary."""

    _keys_to_ignore_on_load_unexpected = ("lm_head",)


def projected_tokens(
    network: Any, clips: list[Tensor], patch: int, merge: int, put: Callable[[Tensor], Tensor]
) -> list[Tensor]:
    """The projected tokens of clips of frames `(T, 3, H, W)`: `(T, h, w, D)` each, in order.

    `put` copies a tensor to the device of the clips. Attention is within each frame alone, so
    neither the clip nor the batch changes its tokens.
    """
    sizes = [(len(clip), clip.shape[2] // patch, clip.shape[3] // patch) for clip in clips]
    # The library reads sizes as numbers, which would synchronise a GPU; so they stay on the CPU.
    grid, merges = torch.tensor(sizes), torch.full((len(clips),), merge)
    tokens = network.vision_model(
        pixel_values=torch.cat([patches(clip, patch, merge) for clip in clips]),
        grid_thw=grid,
        merge_sizes=merges,
        position_ids=put(get_vision_position_ids(grid, merges)),
    ).last_hidden_state
    projected = network.projector(tokens).float()
    counts = [num * (high // merge) * (wide // merge) for num, high, wide in sizes]
    return [
        track.reshape(num, high // merge, wide // merge, -1)
        for track, (num, high, wide) in zip(projected.split(counts), sizes, strict=True)
    ]


def patches(frames: Tensor, patch: int, merge: int) -> Tensor:
    """Frames `(T, 3, H, W)` as rows of pixels, patch by patch, those that are merged together."""
    num, colours, height, width = frames.shape
    high, wide = height // patch // merge, width // patch // merge
    cut = frames.reshape(num, colours, high, merge, patch, wide, merge, patch)
    return cut.permute(0, 2, 5, 3, 6, 1, 4, 7).reshape(-1, colours * patch * patch)
