"""Makes parts: prepared utterances in, encoded parts to the writer."""

import sys
import time
from collections import deque
from collections.abc import Iterator, Sequence
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
from features.store.index import FAILURES

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
        while left:
            try:
                self._make_ahead(left)
            except torch.OutOfMemoryError:
                self.encoder.budget = max(1, self.encoder.budget // 2)
                torch.cuda.empty_cache()
                print(
                    f"out of memory on {self.compute.device}: the part is made again with a "
                    f"budget of {self.encoder.budget} steps",
                    file=sys.stderr,
                )

    def _make_ahead(self, left: deque[PlannedPart]) -> None:
        utterances = [utterance for plan in left for utterance in plan.utterances]
        functions = [reader.read for reader in self.readers]
        with Prefetch(utterances, functions, lambda p: p.num_bytes, AHEAD_BYTES) as ahead:
            prepared = iter(ahead)
            while left:
                self.writer.add(self._encoded(left[0], prepared))
                left.popleft()

    def _encoded(self, plan: PlannedPart, prepared: Iterator[Prepared]) -> Encoded:
        """A part, in runs of bounded work, so that memory is bounded too."""
        before = self.shown.done
        reasons: list[str] = []
        tracks: dict[int, Tensor] = {}
        waiting: dict[int, Example] = {}
        spans = {}
        held_bytes = 0
        try:
            coming = zip(plan.utterances, islice(prepared, len(plan.utterances)), strict=True)
            for position, (utterance, found) in enumerate(coming):
                reasons.append(found.reason)
                if found.reason in FAILURES:
                    print(f"{utterance.id}: {found.reason}: {found.detail}", file=sys.stderr)
                if found.example is not None:
                    waiting[position] = found.example
                    spans[position] = found.example.spans or ()
                    held_bytes += found.num_bytes
                    self.media_s += found.duration_s
                if held_bytes >= RUN_BYTES:
                    tracks.update(self._run(waiting, position + 1 + before))
                    waiting, held_bytes = {}, 0
            tracks.update(self._run(waiting, len(plan.utterances) + before))
        except torch.OutOfMemoryError:
            self.shown.advance(before - self.shown.done)
            raise
        facts = made_with(self.compute, self.encoder.budget)
        return Encoded(plan, tracks, spans, reasons, facts)

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
