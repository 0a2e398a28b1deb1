"""Attention of the Hugging Face library's networks on a GPU: one kernel, and no synchronisation.

The library leaves the mask out where a batch has no padding. To find that out it synchronises with
the GPU; and torch then picks another kernel, so that a track would depend on its neighbours. Here
the mask stays wherever the library makes one, and heads that share keys are repeated, as the pinned
kernel of ``compute.py`` needs it.
"""

from typing import Any

from torch import Tensor, nn
from transformers import AttentionInterface, AttentionMaskInterface, PreTrainedModel
from transformers.integrations.sdpa_attention import repeat_kv
from transformers.masking_utils import sdpa_mask

ALWAYS_MASKED = "sdpa-always-masked"


def attend(
    module: nn.Module,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attention_mask: Tensor | None,
    scaling: float | None = None,
    is_causal: bool | None = None,
    **settings: Any,
) -> tuple[Tensor, None]:
    """Scaled dot-product attention as the library's networks call it; `(B, T, H, D)` comes back.

    Without a mask a causal network's steps see earlier ones alone. Raises ValueError for
    settings that would change the values and are not supported; no network here has them.
    """
    for name in ("position_bias", "softcap"):
        if settings.get(name) is not None:
            raise ValueError(f"attention with {name} is not supported here; set attention to eager")
    groups = int(getattr(module, "num_key_value_groups", 1))
    causal = getattr(module, "is_causal", True) if is_causal is None else is_causal
    attended = nn.functional.scaled_dot_product_attention(
        query,
        repeat_kv(key, groups),
        repeat_kv(value, groups),
        attn_mask=attention_mask,
        scale=scaling,
        is_causal=bool(causal) and attention_mask is None and query.shape[2] > 1,
    )
    return attended.transpose(1, 2).contiguous(), None


def mask_always(*args: Any, **settings: Any) -> Any:
    """The library's mask, never left out."""
    skips = {"allow_is_causal_skip": False, "allow_is_bidirectional_skip": False}
    return sdpa_mask(*args, **{**settings, **skips})


AttentionInterface.register(ALWAYS_MASKED, attend)
AttentionMaskInterface.register(ALWAYS_MASKED, mask_always)


def always_mask(network: nn.Module) -> None:
    """Set this attention in every library network inside `network` that uses `sdpa`."""
    for module in network.modules():
        if isinstance(module, PreTrainedModel) and module.config._attn_implementation == "sdpa":
            module.set_attn_implementation(ALWAYS_MASKED)
