"""Runs a backbone over prepared utterances: batches out, whole tracks back."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from extract.network.backbone import Backbone, Example, Window
from extract.network.batching import batches, spare_steps
from extract.network.compute import Compute, memory_checked

Wait = Callable[[], list[Tensor]]


@dataclass
class Work:
    """Steps that were asked of a network, steps that it ran over with their padding, batches."""

    real: int = 0
    padded: int = 0
    num_batches: int = 0

    @property
    def padding(self) -> float:
        """The share of the steps that were padding."""
        return 1 - self.real / self.padded if self.padded else 0.0


class Encoder:
    """Encodes utterances in batches within a budget; `work` counts what it ran."""

    def __init__(self, backbone: Backbone, compute: Compute) -> None:
        self.backbone = backbone
        self.compute = compute
        self.budget = backbone.budget
        self.work = Work()

    def tracks(self, examples: Mapping[int, Example]) -> dict[int, Tensor]:
        """The track `(L, T, D)` of each example, float32 on the CPU, under its number.

        Raises LackOfMemoryError where a batch does not fit into the memory of a device.
        """
        return self.start(examples)()

    def start(self, examples: Mapping[int, Example]) -> Callable[[], dict[int, Tensor]]:
        """Begin to encode; the call that is returned waits for the tracks, as `tracks` has them.

        A GPU works meanwhile; on a CPU they are there at once. Either may raise LackOfMemoryError.
        """
        owners = [number for number, example in examples.items() for _ in example.windows]
        windows = [window for example in examples.values() for window in example.windows]
        keeps = [window.keep for window in windows]
        costs = [self.backbone.cost(window) for window in windows]
        spare = spare_steps(self.budget) if self.compute.on_gpu else 0
        plan = batches(costs, self.budget, spare)
        # Of batches of one window, its steps: what is said where it does not fit.
        alone = [costs[batch[0]] if len(batch) == 1 else None for batch in plan]
        under_way = [
            self._start([windows[place] for place in batch], steps)
            for batch, steps in zip(plan, alone, strict=True)
        ]
        for batch in plan:
            self.work.real += sum(costs[place] for place in batch)
            self.work.padded += len(batch) * max(costs[place] for place in batch)
        self.work.num_batches += len(plan)

        def wait() -> dict[int, Tensor]:
            arrived: dict[int, Tensor] = {}
            for batch, arrive, steps in zip(plan, under_way, alone, strict=True):
                with memory_checked(steps):
                    arrived.update(zip(batch, arrive(), strict=True))
            return _joined(owners, keeps, arrived)

        return wait

    def _start(self, windows: Sequence[Window], alone_steps: int | None) -> Wait:
        """Begin to encode a batch and to bring back what its windows keep."""
        with memory_checked(alone_steps), self.compute.running():
            encoded = self.backbone.encode(windows)
            return self.compute.fetch(
                [_cut(track, window) for track, window in zip(encoded, windows, strict=True)]
            )


def _cut(track: Tensor, window: Window) -> Tensor:
    """What is kept, where that is one stretch; steps that are numbered are picked on the CPU."""
    return track[:, window.keep] if isinstance(window.keep, slice) else track


def _joined(
    owners: Sequence[int], keeps: Sequence[Any], arrived: Mapping[int, Tensor]
) -> dict[int, Tensor]:
    """What the windows of each utterance keep, one after another."""
    pieces: dict[int, list[Tensor]] = {}
    for place, (owner, keep) in enumerate(zip(owners, keeps, strict=True)):
        track = arrived[place]
        pieces.setdefault(owner, []).append(track if isinstance(keep, slice) else track[:, keep])
    return {
        owner: own[0] if len(own) == 1 else torch.cat(own, dim=1) for owner, own in pieces.items()
    }
