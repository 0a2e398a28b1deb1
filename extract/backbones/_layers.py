"""Which layers of a transformer are kept, and what they say."""

from collections.abc import Callable, Iterable, Sequence
from contextlib import ExitStack
from typing import Any

import torch
from torch import Tensor, nn

from features.errors import ProjectError


def chosen_layers(layers: Sequence[int] | None, num_layers: int, what: str) -> tuple[int, ...]:
    """The layers to keep: those named, or the last one; ProjectError where one does not exist."""
    chosen = tuple(layers) if layers is not None else (num_layers,)
    if (
        not chosen
        or len(set(chosen)) < len(chosen)
        or not all(0 <= n <= num_layers for n in chosen)
    ):
        raise ProjectError(
            f"layers {list(chosen)} of {what}: the network has the layers 0 (before the first) to "
            f"{num_layers}; name some of them, each once"
        )
    return chosen


def layer_states(
    blocks: Iterable[nn.Module], run: Callable[[], Tensor], chosen: Sequence[int]
) -> Tensor:
    """The states `(B, L, T, D)` of the chosen layers, float32.

    Layer k is what enters block k + 1; the last is what `run` returns, after a final norm where
    the network has one. These are the hidden states of the Hugging Face library.
    """
    inputs: list[Tensor] = []

    def note(_: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        inputs.append(args[0] if args else kwargs["hidden_states"])

    with ExitStack() as hooks:
        for block in blocks:
            hooks.callback(block.register_forward_pre_hook(note, with_kwargs=True).remove)
        last = run()
    states = [*inputs, last]
    return torch.stack([states[layer].float() for layer in chosen], dim=1)
