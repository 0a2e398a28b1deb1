"""The three branches of VideoLLaMA3 as backbones."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from extract.backbone import Reading, Window, freeze
from extract.backbones._frames import cell_means, nominal_steps, scaled
from extract.backbones._layers import chosen_layers, layer_states
from extract.backbones._text_input import TextInput
from extract.backbones._videollama_input import OWN, SEEN, JointInput, SeenInput
from extract.backbones._videollama_networks import seen_tokens
from extract.compute import Compute

VERSION = 1


class VideoBranch:
    """The vision tower and the projector, frame by frame."""

    modality = "video"
    version = VERSION
    reading = Reading(("video",))
    layers: tuple[int, ...]

    def __init__(
        self, network: Any, digest: str, processor: Any, prepare: SeenInput, compute: Compute
    ) -> None:
        config = network.config
        self.network: Any = freeze(network, compute)
        self.weights_digest = digest
        self.processor = processor
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
        return [self.pooled(seen[None]) for seen in self.seen(windows)]

    def seen(self, windows: Sequence[Window]) -> list[Tensor]:
        """The projected tokens of each window's frames, `(T, h, w, D)`."""
        mean, std = self.processor.image_mean, self.processor.image_std
        clips = [scaled(self.compute.put(window.values), mean, std) for window in windows]
        return seen_tokens(
            self.network, clips, self.processor.patch_size, self.processor.merge_size
        )

    def pooled(self, tokens: Tensor) -> Tensor:
        """Tokens `(L, T, h, w, D)` of frames to the steps that are kept, `(L, steps, D)`."""
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
        layers: Sequence[int] | None,
    ) -> None:
        super().__init__(network, digest, processor, prepare, compute)
        self.layers = chosen_layers(layers, network.config.text_config.num_hidden_layers)

    def cost(self, window: Window) -> int:
        assert window.tokens is not None
        return int(window.tokens.shape[1])

    def encode(self, windows: Sequence[Window]) -> list[Tensor]:
        model = self.network.language_model
        shown = self.seen(windows)
        inputs, roles = [], []
        for window, seen in zip(windows, shown, strict=True):
            assert window.tokens is not None
            ids, role = self.compute.put(np.ascontiguousarray(window.tokens))
            embedded = model.embed_tokens(ids).float()
            embedded[role == SEEN] = seen.flatten(0, 2)
            inputs.append(embedded)
            roles.append(role)
        padded = nn.utils.rnn.pad_sequence(inputs, batch_first=True)
        lengths = torch.tensor([len(role) for role in roles], device=padded.device)
        mask = torch.arange(padded.shape[1], device=padded.device)[None] < lengths[:, None]
        with layer_states(model.layers, self.layers) as stacked:
            said = model(inputs_embeds=padded, attention_mask=mask.long(), use_cache=False)
            states = stacked(said.last_hidden_state)
        return [
            self._kept(state[:, : len(role)], role, seen)
            for state, role, seen in zip(states, roles, shown, strict=True)
        ]

    def _kept(self, states: Tensor, role: Tensor, seen: Tensor) -> Tensor:
        """Of the states `(L, N, D)` of a window those of its frames, pooled, and of its words."""
        tokens = states[:, role == SEEN].unflatten(1, seen.shape[:3])
        return torch.cat([self.pooled(tokens), states[:, role == OWN]], dim=1)


class TextBranch:
    """The language model's input embeddings."""

    modality = "text"
    version = VERSION
    reading = Reading(("text",))
    rate_hz = None
    first_step_s = None
    nominal_steps = 16
    layers = (0,)

    def __init__(self, network: Any, digest: str, tokenizer: Any, compute: Compute) -> None:
        self.network: Any = freeze(network, compute)
        self.weights_digest = digest
        self.compute = compute
        config = network.config.text_config
        self.dim = int(config.hidden_size)
        self.prepare = TextInput(tokenizer, int(config.max_position_embeddings), False)
        self.budget = 65_536

    def cost(self, window: Window) -> int:
        return int(window.values.shape[1])

    def encode(self, windows: Sequence[Window]) -> list[Tensor]:
        embed = self.network.language_model.embed_tokens
        return [
            embed(self.compute.put(np.ascontiguousarray(window.values[:1]))).float()
            for window in windows
        ]
