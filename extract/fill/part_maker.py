"""Makes the parts of one backbone: prepared utterances in, encoded parts to the writer."""

import sys
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, replace

from torch import Tensor

from extract.fill.part_writer import Encoded, PartWriter
from extract.fill.prepare import Prepared
from extract.network.backbone import Example, free_memory
from extract.network.compute import Compute, LackOfMemoryError
from extract.network.encoder import Encoder, Work
from extract.plan.extraction import Extraction
from extract.plan.recipe import made_with
from features.progress import Progress

# How much prepared input is sorted into batches at a time.
RUN_BYTES, RUN_BYTES_ON_GPU = 32 * 2**20, 512 * 2**20


@dataclass(frozen=True)
class Run:
    """Utterances of a part whose batches are being encoded; `last` where they are its last ones."""

    encoded: Encoded
    wait: Callable[[], dict[int, Tensor]]
    num_utterances: int
    last: bool


class PartMaker:
    """Encodes parts one after another from the utterances it takes, in runs of bounded work.

    A GPU starts a run before the tracks of the previous one are fetched, so it is never idle.
    `remaining` are the parts that the writer does not have yet. Unfinished ones can be discarded,
    after a lack of memory, and made again.
    """

    def __init__(
        self, extraction: Extraction, compute: Compute, writer: PartWriter, progress: Progress
    ) -> None:
        self.name = extraction.name
        self.encoder = Encoder(extraction.backbone, compute)
        self.compute = compute
        self.writer = writer
        self.progress = progress
        self.remaining = deque(extraction.missing)
        self.run_bytes = compute.pick(cpu=RUN_BYTES, cuda=RUN_BYTES_ON_GPU)
        self.media_s = 0.0
        self.start = time.monotonic()
        self._restart()

    def _restart(self) -> None:
        """Begin with the first part that remains."""
        self.running: Run | None = None
        # Seconds of media and the work of the network before each part that was begun.
        self.totals_before: deque[tuple[float, Work]] = deque()
        self.num_counted = 0
        self._begin(0)

    def _begin(self, number: int) -> None:
        """Begin a part, by its place among those that remain."""
        self.num_taken = self.num_started = 0
        self.waiting: dict[int, Example] = {}
        self.waiting_bytes = 0
        self.encoded: Encoded | None = None
        if number < len(self.remaining):
            self.encoded = Encoded(self.remaining[number])
            self.totals_before.append((self.media_s, replace(self.encoder.work)))

    def take(self, prepared: Prepared) -> None:
        """Take the next utterance of the parts that remain, if there are any.

        Raises LackOfMemoryError where a batch does not fit.
        """
        encoded = self.encoded
        if encoded is None:
            return
        encoded.reasons.append((prepared.reason, prepared.detail))
        if prepared.example is not None:
            self.waiting[self.num_taken] = prepared.example
            encoded.spans[self.num_taken] = prepared.example.spans or ()
            encoded.facts[self.num_taken] = dict(prepared.example.facts)
            self.waiting_bytes += prepared.num_bytes
            self.media_s += prepared.duration_s
        self.num_taken += 1
        last = self.num_taken == len(encoded.plan.utterances)
        if last or self.waiting_bytes >= self.run_bytes:
            self._start_run(encoded, last)

    def _start_run(self, encoded: Encoded, last: bool) -> None:
        """Start to encode the waiting utterances, then fetch the previous run."""
        try:
            wait = self.encoder.start(self.waiting)
        except LackOfMemoryError:
            self.finish()  # the previous run is whole
            raise
        run = Run(encoded, wait, self.num_taken - self.num_started, last)
        self.finish()
        self.running = run
        self.num_started = self.num_taken
        self.waiting, self.waiting_bytes = {}, 0
        if last:
            self._begin(1)
        if not self.compute.on_gpu:
            self.finish()

    def finish(self) -> None:
        """Fetch the run that is being encoded; a part that is whole goes to the writer."""
        run, self.running = self.running, None
        if run is None:
            return
        run.encoded.tracks.update(run.wait())
        self.progress.advance(run.num_utterances, self.speed_and_padding())
        self.num_counted += run.num_utterances
        if run.last:
            run.encoded.made_with.update(made_with(self.compute, self.encoder.budget))
            self.writer.add(run.encoded)
            self.remaining.popleft()
            self.totals_before.popleft()
            self.num_counted = 0

    def discard_unfinished(self) -> None:
        """Forget what was done for the parts that remain."""
        self.progress.advance(-self.num_counted)
        if self.totals_before:
            self.media_s, self.encoder.work = self.totals_before[0]
        self._restart()

    def abandon(self, reason: str) -> None:
        """Make no more parts, and free the network's memory; a separate run can make them."""
        self.remaining.clear()
        self.discard_unfinished()
        free_memory(self.encoder.backbone)
        print(f"{self.name} is left for a separate run: {reason}", file=sys.stderr)

    def halve_budget(self) -> None:
        """Work in batches half as large from now on."""
        self.encoder.budget = max(1, self.encoder.budget // 2)
        print(
            f"out of memory on {self.compute.device}: the part is made again with a "
            f"budget of {self.encoder.budget} steps",
            file=sys.stderr,
        )

    def speed_and_padding(self) -> str:
        """How many times faster than real time it is, and the share of padding in its work."""
        padding = f"{100 * self.encoder.work.padding:.1f} % padding"
        if not self.media_s:
            return padding
        speed = self.media_s / max(time.monotonic() - self.start, 1e-9)
        return f"{speed:.1f}x realtime, {padding}"
