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
    """Steps of the windows, steps that the network ran over with their padding, batches."""

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
        """Start to encode; the call that is returned waits for the tracks and returns them.

        A GPU works meanwhile; a CPU has finished already. Either may raise LackOfMemoryError.
        """
        owners = [number for number, example in examples.items() for _ in example.windows]
        windows = [window for example in examples.values() for window in example.windows]
        keeps = [window.keep for window in windows]
        costs = [self.backbone.cost(window) for window in windows]
        spare = spare_steps(self.budget) if self.compute.on_gpu else 0
        plan = batches(costs, self.budget, spare)
        # Of batches of one window, its steps, for the message where it does not fit.
        alone_steps = [costs[batch[0]] if len(batch) == 1 else None for batch in plan]
        running = [
            self._start([windows[place] for place in batch], steps)
            for batch, steps in zip(plan, alone_steps, strict=True)
        ]
        for batch in plan:
            self.work.real += sum(costs[place] for place in batch)
            self.work.padded += len(batch) * max(costs[place] for place in batch)
        self.work.num_batches += len(plan)

        def wait() -> dict[int, Tensor]:
            tracks: dict[int, Tensor] = {}
            for batch, wait_for_batch, steps in zip(plan, running, alone_steps, strict=True):
                with memory_checked(steps):
                    tracks.update(zip(batch, wait_for_batch(), strict=True))
            return _joined(owners, keeps, tracks)

        return wait

    def _start(self, windows: Sequence[Window], alone_steps: int | None) -> Wait:
        """Start to encode a batch and to fetch the steps that its windows keep."""
        with memory_checked(alone_steps), self.compute.running():
            encoded = self.backbone.encode(windows)
            return self.compute.fetch(
                [_cut(track, window) for track, window in zip(encoded, windows, strict=True)]
            )


def _cut(track: Tensor, window: Window) -> Tensor:
    """The kept steps where they are a slice; numbered steps are selected on the CPU."""
    return track[:, window.keep] if isinstance(window.keep, slice) else track


def _joined(
    owners: Sequence[int], keeps: Sequence[Any], tracks: Mapping[int, Tensor]
) -> dict[int, Tensor]:
    """The kept steps of each utterance's windows, one after another."""
    pieces: dict[int, list[Tensor]] = {}
    for place, (owner, keep) in enumerate(zip(owners, keeps, strict=True)):
        track = tracks[place]
        pieces.setdefault(owner, []).append(track if isinstance(keep, slice) else track[:, keep])
    return {
        owner: track[0] if len(track) == 1 else torch.cat(track, dim=1)
        for owner, track in pieces.items()
    }
