"""Runs a backbone over prepared utterances: batches out, whole tracks back."""

from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from extract.backbone import Backbone, Example, Window
from extract.batching import batches
from extract.compute import Compute
from features.errors import ProjectError

# Batches whose tracks may still be on their way from a GPU while the next one is computed.
BATCHES_UNDER_WAY = 2


@dataclass
class Work:
    """Steps that were asked of a network, and steps that it ran over with their padding."""

    real: int = 0
    padded: int = 0

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

        Raises torch.OutOfMemoryError where a batch does not fit into the memory of a GPU, and
        ProjectError where a single window does not.
        """
        owners = [number for number, example in examples.items() for _ in example.windows]
        windows = [window for example in examples.values() for window in example.windows]
        kept = self._kept(windows)
        parts: dict[int, list[Tensor]] = {}
        for place, owner in enumerate(owners):
            parts.setdefault(owner, []).append(kept[place])
        return {
            number: pieces[0] if len(pieces) == 1 else torch.cat(pieces, dim=1)
            for number, pieces in parts.items()
        }

    def _kept(self, windows: Sequence[Window]) -> dict[int, Tensor]:
        """What each window gives to its track, by place."""
        costs = [self.backbone.cost(window) for window in windows]
        under_way: deque[tuple[list[int], Callable[[], list[Tensor]]]] = deque()
        kept: dict[int, Tensor] = {}
        for batch in batches(costs, self.budget):
            under_way.append((batch, self._start([windows[place] for place in batch])))
            self.work.real += sum(costs[place] for place in batch)
            self.work.padded += len(batch) * max(costs[place] for place in batch)
            if len(under_way) == BATCHES_UNDER_WAY:
                _land(under_way, kept)
        while under_way:
            _land(under_way, kept)
        return kept

    def _start(self, windows: Sequence[Window]) -> Callable[[], list[Tensor]]:
        try:
            with self.compute.running():
                encoded = self.backbone.encode(windows)
                return self.compute.fetch(
                    [track[:, w.keep] for track, w in zip(encoded, windows, strict=True)]
                )
        except torch.OutOfMemoryError:
            if len(windows) > 1:
                raise
            raise ProjectError(
                f"one window of {self.backbone.cost(windows[0])} steps does not fit into the "
                f"memory of {self.compute.device}; finished parts are kept. Lower the backbone's "
                "window_s, size_px or max_tokens, whichever it has, or give --device cpu."
            ) from None


def _land(
    under_way: deque[tuple[list[int], Callable[[], list[Tensor]]]], kept: dict[int, Tensor]
) -> None:
    batch, wait = under_way.popleft()
    kept.update(zip(batch, wait(), strict=True))
