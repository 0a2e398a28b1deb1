"""The three branches of VideoLLaMA3 as backbones."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from extract.backbones._layers import chosen_layers, layer_states
from extract.backbones._text_input import TextInput
from extract.backbones._video.frames import Scale, cell_means, nominal_steps
from extract.backbones._videollama.input import FRAME, WORD, FramesInput, JointInput
from extract.backbones._videollama.networks import projected_tokens
from extract.network.backbone import Reading, Window, freeze
from extract.network.compute import Compute

# In addition to the roles of a token in ``input.py``.
PADDING = -1
# Tokens of a batch of embeddings; 4096 of the 7B network are 59 MB on their way from a GPU.
TEXT_BUDGET = {"cpu": 65_536, "cuda": 4096}


class VideoBranch:
    """The vision tower and the projector, frame by frame."""

    reading = Reading(("video",))
    modality = reading.modalities[0]
    layers: tuple[int, ...]

    def __init__(
        self,
        network: Any,
        digest: str,
        processor: Any,
        prepare: FramesInput,
        compute: Compute,
        version: int,
    ) -> None:
        self.version = version
        config = network.config
        self.network: Any = freeze(network, compute)
        self.weights_digest = digest
        self.scale = freeze(Scale(processor.image_mean, processor.image_std), compute)
        self.patching = (int(processor.patch_size), int(processor.merge_size))
        self.prepare: Any = prepare
        self.compute = compute
        self.dim = int(config.text_config.hidden_size)
        self.layers = (int(config.vision_config.num_hidden_layers),)
        self.rate_hz = prepare.rate_hz
        self.first_step_s = 0.5 / prepare.rate_hz
        cells = prepare.shape.max_tokens if prepare.grid is None else prepare.grid**2
        self.nominal_steps = nominal_steps(prepare.rate_hz, cells)
        self.budget = compute.pick(cpu=1024, cuda=16_384)

    def cost(self, window: Window) -> int:
        num_frames, height, width, _ = window.values.shape
        return int(num_frames * height * width // self.prepare.shape.token_px**2)

    def encode(self, windows: Sequence[Window]) -> list[Tensor]:
        return [self.pooled(tokens[None]) for tokens in self.frame_tokens(windows)]

    def frame_tokens(self, windows: Sequence[Window]) -> list[Tensor]:
        """The projected tokens of each window's frames, `(T, h, w, D)`."""
        put, (patch, merge) = self.compute.put, self.patching
        clips = [self.scale(put(window.values)) for window in windows]
        return projected_tokens(self.network, clips, patch, merge, put)

    def pooled(self, tokens: Tensor) -> Tensor:
        """Tokens `(L, T, h, w, D)` of frames to the kept steps, `(L, steps, D)`."""
        if self.prepare.grid is None:
            return tokens.flatten(1, 3)
        maps = tokens.flatten(0, 1).movedim(-1, 1)
        return cell_means(maps, self.prepare.grid).reshape(len(tokens), -1, self.dim)


class JointBranch(VideoBranch):
    """The language model over frames and words."""

    reading = Reading(("video", "text"))

    def __init__(
        self,
        network: Any,
        digest: str,
        processor: Any,
        prepare: JointInput,
        compute: Compute,
        version: int,
        layers: Sequence[int] | None,
    ) -> None:
        super().__init__(network, digest, processor, prepare, compute, version)
        self.layers = chosen_layers(layers, network.config.text_config.num_hidden_layers)

    def cost(self, window: Window) -> int:
        assert window.tokens is not None
        return int(window.tokens.shape[1])

    def encode(self, windows: Sequence[Window]) -> list[Tensor]:
        model, put = self.network.language_model, self.compute.put
        frames = self.frame_tokens(windows)
        ids, roles = _padded_tokens(windows)
        embedded = model.embed_tokens(put(ids)).float()
        places = put(np.flatnonzero(roles.ravel() == FRAME))
        embedded.flatten(0, 1).index_copy_(0, places, torch.cat([f.flatten(0, 2) for f in frames]))
        # Tokens attend to earlier ones and padding comes last, so no mask is needed, except by the
        # library's eager attention, which is not causal without one.
        eager = model.config._attn_implementation == "eager"
        mask: Any = put((roles != PADDING).astype(np.int64)) if eager else {"full_attention": None}
        with layer_states(model.layers, self.layers) as stacked:
            output = model(inputs_embeds=embedded, attention_mask=mask, use_cache=False)
            states = stacked(output.last_hidden_state)
        return [
            self._kept(state, role, tokens.shape[:3])
            for state, role, tokens in zip(states, roles, frames, strict=True)
        ]

    def _kept(self, states: Tensor, role: NDArray[np.int64], shape: Sequence[int]) -> Tensor:
        """From a window's states `(L, N, D)`, those of its frames, pooled, and those of its words.

        `shape` are the frames and the rows and columns of their tokens.
        """
        frames, words = (self.compute.put(np.flatnonzero(role == kind)) for kind in (FRAME, WORD))
        tokens = states.index_select(1, frames).unflatten(1, shape)
        return torch.cat([self.pooled(tokens), states.index_select(1, words)], dim=1)


class TextBranch:
    """The language model's input embeddings."""

    reading = Reading(("text",))
    modality = reading.modalities[0]
    rate_hz = None
    first_step_s = None
    nominal_steps = 16
    layers = (0,)

    def __init__(
        self, network: Any, digest: str, tokenizer: Any, compute: Compute, version: int
    ) -> None:
        self.version = version
        self.network: Any = freeze(network, compute)
        self.weights_digest = digest
        self.compute = compute
        config = network.config.text_config
        self.dim = int(config.hidden_size)
        self.prepare = TextInput(tokenizer, int(config.max_position_embeddings), False)
        self.budget = compute.pick(**TEXT_BUDGET)

    def cost(self, window: Window) -> int:
        return int(window.values.shape[1])

    def encode(self, windows: Sequence[Window]) -> list[Tensor]:
        ids = np.concatenate([window.values[0] for window in windows])
        embedded = self.network.language_model.embed_tokens(self.compute.put(ids)).float()
        tracks = embedded.split([window.values.shape[1] for window in windows])
        return [track[None] for track in tracks]


def _padded_tokens(
    windows: Sequence[Window],
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Tokens `(B, N)` of all windows, and their roles, PADDING among them."""
    tokens = [window.tokens for window in windows if window.tokens is not None]
    padded = np.zeros((2, len(tokens), max(t.shape[1] for t in tokens)), np.int64)
    padded[1] = PADDING
    for row, window_tokens in enumerate(tokens):
        padded[:, row, : window_tokens.shape[1]] = window_tokens
    return padded[0], padded[1]
