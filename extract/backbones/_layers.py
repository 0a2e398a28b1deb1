"""Which layers of a transformer are kept, and what they say."""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any

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
            f"layers is {list(chosen)}, and the network has the layers 0 (before the first) to "
            f"{num_layers}; name some of them, each once"
        )
    return chosen


@contextmanager
def layer_inputs(blocks: Iterable[nn.Module]) -> Iterator[list[Tensor]]:
    """Fills a list with what enters each block while the network runs inside.

    With what the network returns behind them (after a final norm where it has one) these are
    the states of its layers, counted from 0.
    """
    inputs: list[Tensor] = []

    def note(_: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        inputs.append(args[0] if args else kwargs["hidden_states"])

    with ExitStack() as hooks:
        for block in blocks:
            hooks.callback(block.register_forward_pre_hook(note, with_kwargs=True).remove)
        yield inputs
