"""The audio tower of Qwen2.5-Omni by itself; the rest of a checkpoint is never loaded."""

from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional
from transformers import Qwen2_5OmniConfig
from transformers.models.qwen2_5_omni.modeling_qwen2_5_omni import (
    Qwen2_5OmniAudioEncoder,
    Qwen2_5OmniPreTrainedModel,
)


class Tower(Qwen2_5OmniPreTrainedModel):  # type: ignore[misc]
    """The audio tower under the name that it has in a published checkpoint."""

    config_class = Qwen2_5OmniConfig
    base_model_prefix = "thinker"
    _keys_to_ignore_on_load_unexpected = ("model", "visual", "lm_head", "talker", "token2wav")

    def __init__(self, config: Qwen2_5OmniConfig) -> None:
        super().__init__(config)
        self.audio_tower = Qwen2_5OmniAudioEncoder._from_config(config.thinker_config.audio_config)
        self.post_init()

    def steps(self, bands: Tensor, lengths: Tensor) -> Tensor:
        """Bands `(B, bands, N)` of stretches of up to two seconds to steps `(B, N // 4, D)`.

        `lengths` `(B,)` are the real columns.
        """
        tower: Any = self.audio_tower
        real_columns = torch.arange(bands.shape[2], device=bands.device) < lengths[:, None]
        hidden = functional.gelu(tower.conv1(bands)) * real_columns[:, None]
        hidden = functional.gelu(tower.conv2(hidden)).transpose(1, 2)
        hidden = hidden + tower.positional_embedding.positional_embedding[: hidden.shape[1]]
        states = torch.arange(hidden.shape[1], device=bands.device)
        is_real = (states < ((lengths + 1) // 2)[:, None])[:, None, None]
        for layer in tower.layers:
            hidden = hidden + attended(layer.self_attn, layer.self_attn_layer_norm(hidden), is_real)
            wide = layer.activation_fn(layer.fc1(layer.final_layer_norm(hidden)))
            hidden = hidden + layer.fc2(wide)
        pairs = hidden[:, : hidden.shape[1] // 2 * 2].unflatten(1, (-1, 2)).mean(dim=2)
        projected: Tensor = tower.proj(tower.ln_post(pairs)).float()
        return projected


def attended(attention: Any, hidden: Tensor, is_real: Tensor) -> Tensor:
    """Self-attention of a layer over `(B, T, D)`; steps attend where `is_real` is True."""
    projections = (attention.q_proj, attention.k_proj, attention.v_proj)
    queries, keys, values = (
        project(hidden).unflatten(2, (attention.num_heads, -1)).transpose(1, 2)
        for project in projections
    )
    mixed = functional.scaled_dot_product_attention(queries, keys, values, attn_mask=is_real)
    projected: Tensor = attention.out_proj(mixed.transpose(1, 2).flatten(2))
    return projected


def save_tower(tower: Tower, folder: Path) -> None:
    """Save a tower under the names that it has in a published checkpoint."""
    state = {f"thinker.{name}": value for name, value in tower.state_dict().items()}
    tower.save_pretrained(folder, state_dict=state)
