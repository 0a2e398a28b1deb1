"""Which layers of a transformer are kept, and their states."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any

import torch
from torch import Tensor, nn

from features.errors import ProjectError


def chosen_layers(layers: Sequence[int] | None, num_layers: int) -> tuple[int, ...]:
    """The layers to keep: those named, or the last one; ProjectError where one does not exist."""
    chosen = tuple(layers) if layers is not None else (num_layers,)
    if (
        not chosen
        or len(set(chosen)) < len(chosen)
        or not all(0 <= n <= num_layers for n in chosen)
    ):
        raise ProjectError(
            f"layers is {list(chosen)}, but the network has the layers 0 (before the first) to "
            f"{num_layers}; name some of them, each only once"
        )
    return chosen


@contextmanager
def layer_states(
    blocks: Sequence[nn.Module], chosen: Sequence[int]
) -> Iterator[Callable[[Tensor], Tensor]]:
    """Records the inputs of the chosen blocks while the network runs inside.

    The yielded function takes the network's output (after a final norm where it has one), which is
    the last layer, and returns the states `(B, L, T, D)` of the chosen layers, float32.
    """
    states: dict[int, Tensor] = {}

    def record(number: int, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        states[number] = args[0] if args else kwargs["hidden_states"]

    def stacked(last: Tensor) -> Tensor:
        states[len(blocks)] = last
        return torch.stack([states[layer].float() for layer in chosen], dim=1)

    with ExitStack() as hooks:
        for number in set(chosen) - {len(blocks)}:
            hook = blocks[number].register_forward_pre_hook(
                lambda _, args, kwargs, number=number: record(number, args, kwargs),
                with_kwargs=True,
            )
            hooks.callback(hook.remove)
        yield stacked
