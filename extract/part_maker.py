"""Makes parts: prepared utterances in, encoded parts to the writer."""

import sys
import time
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import islice

import torch
from torch import Tensor

from extract.backbone import Backbone, Example
from extract.compute import Compute
from extract.encoder import Encoder
from extract.part_writer import Encoded, PartWriter
from extract.plan import PlannedPart
from extract.prefetch import Prefetch
from extract.reading import Prepared, Reader
from extract.recipe import made_with
from features.progress import Progress

# How much prepared input is sorted into batches at a time, and how much more may wait.
RUN_BYTES = 32 * 2**20
AHEAD_BYTES = 32 * 2**20


class PartMaker:
    """Encodes parts one after another, while readers prepare the next and a writer the last."""

    def __init__(
        self,
        backbone: Backbone,
        compute: Compute,
        readers: Sequence[Reader],
        writer: PartWriter,
        shown: Progress,
    ) -> None:
        self.encoder = Encoder(backbone, compute)
        self.backbone = backbone
        self.compute = compute
        self.readers = readers
        self.writer = writer
        self.shown = shown
        self.media_s = 0.0
        self.start = time.monotonic()

    def make(self, plans: Sequence[PlannedPart]) -> None:
        """Make the parts; one that does not fit into a GPU is made again with half the budget."""
        left = deque(plans)
        while not self._all_made(left):
            # Not before the failed batch is gone with its exception.
            torch.cuda.empty_cache()
            self.encoder.budget = max(1, self.encoder.budget // 2)
            print(
                f"out of memory on {self.compute.device}: the part is made again with a "
                f"budget of {self.encoder.budget} steps",
                file=sys.stderr,
            )

    def _all_made(self, left: deque[PlannedPart]) -> bool:
        """Make the parts that are left and take them out; False where the memory ran out."""
        utterances = [utterance for plan in left for utterance in plan.utterances]
        functions = [reader.read for reader in self.readers]
        try:
            with Prefetch(
                utterances, functions, lambda p: p.num_bytes, AHEAD_BYTES, self._interrupt
            ) as ahead:
                prepared = iter(ahead)
                while left:
                    self.writer.add(self._encoded(left[0], prepared))
                    left.popleft()
        except torch.OutOfMemoryError:
            return False
        return True

    def _interrupt(self) -> None:
        for reader in self.readers:
            reader.child.interrupt()

    def _encoded(self, plan: PlannedPart, prepared: Iterator[Prepared]) -> Encoded:
        """A part, in runs of bounded work, so that memory is bounded too."""
        done, media_s, work = self.shown.done, self.media_s, replace(self.encoder.work)
        encoded = Encoded(plan, {}, {}, [], {})
        waiting: dict[int, Example] = {}
        held_bytes = 0
        try:
            for position, found in enumerate(islice(prepared, len(plan.utterances))):
                encoded.reasons.append((found.reason, found.detail))
                if found.example is not None:
                    waiting[position] = found.example
                    encoded.spans[position] = found.example.spans or ()
                    held_bytes += found.num_bytes
                    self.media_s += found.duration_s
                if held_bytes >= RUN_BYTES:
                    encoded.tracks.update(self._run(waiting, done + position + 1))
                    waiting, held_bytes = {}, 0
            encoded.tracks.update(self._run(waiting, done + len(plan.utterances)))
        except torch.OutOfMemoryError:
            self.shown.advance(done - self.shown.done)
            self.media_s, self.encoder.work = media_s, work
            raise
        encoded.made_with.update(made_with(self.compute, self.encoder.budget))
        return encoded

    def _run(self, examples: dict[int, Example], done: int) -> dict[int, Tensor]:
        tracks = self.encoder.tracks(examples)
        self.shown.advance(done - self.shown.done, self.note())
        return tracks

    def note(self) -> str:
        """How fast media went by, and how much of the work was padding."""
        padding = f"{100 * self.encoder.work.padding:.1f} % padding"
        if not self.media_s:
            return padding
        speed = self.media_s / max(time.monotonic() - self.start, 1e-9)
        return f"{speed:.1f}x realtime, {padding}"
