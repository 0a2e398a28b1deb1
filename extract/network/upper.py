"""The upper layers of a transformer, to be run, and trained, on cached states of a lower layer."""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from features.errors import ProjectError

# Those whose layers take states and a mask, and nothing that the first layers computed.
ARCHITECTURES = ("bert", "roberta", "xlm-roberta", "electra", "distilbert", "wav2vec2", "hubert")


class UpperLayers(nn.Module):
    """States of one layer `(B, T, D)` to those of the last one, as the whole network gives them.

    `max_steps` is the longest track that the network takes in one piece.
    """

    def __init__(
        self, layers: Sequence[nn.Module], norm: nn.Module, dim: int, max_steps: int
    ) -> None:
        super().__init__()
        self.layers, self.norm = nn.ModuleList(layers), norm
        self.dim, self.max_steps = dim, max_steps
        for module in self.modules():
            # Dropout of attention that is not a module of its own, and that nobody could set.
            if isinstance(getattr(module, "dropout", None), float):
                module.dropout = 0.0  # type: ignore[assignment]

    def forward(self, values: Tensor, mask: Tensor) -> Tensor:
        """`values` `(B, T, D)` and their `mask` `(B, T)`, True where a step is real."""
        hidden_ones = torch.finfo(values.dtype).min * (~mask).to(values.dtype)
        for layer in self.layers:
            output = layer(values, attention_mask=hidden_ones[:, None, None])
            values = output[0] if isinstance(output, tuple) else output
        normed: Tensor = self.norm(values)
        return normed


def upper_layers(network: Any, first: int, max_steps: int) -> UpperLayers:
    """The layers after the states `first` (0: what enters the first layer) of a library's network.

    Raises ProjectError for an architecture whose layers need more than states and a mask, and where
    there is no layer after `first`.
    """
    kind = network.config.model_type
    if kind not in ARCHITECTURES:
        raise ProjectError(
            f"the upper layers of a network of the type {kind!r} cannot be trained on cached "
            f"states; those of {', '.join(ARCHITECTURES)} can"
        )
    stack = network.transformer if kind == "distilbert" else network.encoder
    layers = list(stack.layers if hasattr(stack, "layers") else stack.layer)
    if not 0 <= first < len(layers):
        raise ProjectError(f"from is {first}; the network has the layers 0 to {len(layers) - 1}")
    # Networks that normalise before each layer do so once more at the end.
    ends_normed = getattr(network.config, "do_stable_layer_norm", False)
    norm = stack.layer_norm if ends_normed else nn.Identity()
    return UpperLayers(layers[first:], norm, network.config.hidden_size, max_steps)
