"""Pieces of work that take turns in one process, and their ratios."""

import statistics
import time
from collections.abc import Callable, Mapping, Sequence

import torch

Times = Mapping[str, Sequence[float]]


def in_turns(
    works: Mapping[str, Callable[[], object]], rounds: int, device: torch.device
) -> dict[str, list[float]]:
    """The seconds of each piece of work in every round but the first, which warms up."""
    times: dict[str, list[float]] = {name: [] for name in works}
    for _ in range(rounds + 1):
        for name, work in works.items():
            times[name].append(_seconds(work, device))
    return {name: values[1:] for name, values in times.items()}


def ratio(times: Times, one: str, other: str) -> float:
    """The median of the ratios of two pieces of work within a round."""
    return statistics.median(a / b for a, b in zip(times[one], times[other], strict=True))


def _seconds(work: Callable[[], object], device: torch.device) -> float:
    begin = time.perf_counter()
    work()
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    return time.perf_counter() - begin
