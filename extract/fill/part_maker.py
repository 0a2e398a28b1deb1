"""Makes the parts of one backbone: prepared utterances in, encoded parts to the writer."""

import sys
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, replace

from torch import Tensor

from extract.fill.part_writer import Encoded, PartWriter
from extract.fill.prepare import Prepared
from extract.network.backbone import Example, let_go
from extract.network.compute import Compute, LackOfMemoryError
from extract.network.encoder import Encoder, Work
from extract.plan.extraction import Extraction
from extract.plan.recipe import made_with
from features.progress import Progress

# How much prepared input is sorted into batches at a time.
RUN_BYTES, RUN_BYTES_ON_GPU = 32 * 2**20, 512 * 2**20


@dataclass(frozen=True)
class Run:
    """Utterances of a part whose batches are under way; `last` where they are its last ones."""

    encoded: Encoded
    wait: Callable[[], dict[int, Tensor]]
    num_utterances: int
    last: bool


class PartMaker:
    """Encodes parts one after another from what it is given, in runs of bounded work.

    A GPU is given a run before the tracks of the one before are fetched, so it never waits. `left`
    are the parts that are not with the writer yet. What was begun of them can be given up, after
    a lack of memory, to be given again.
    """

    def __init__(
        self, extraction: Extraction, compute: Compute, writer: PartWriter, shown: Progress
    ) -> None:
        self.name = extraction.name
        self.encoder = Encoder(extraction.backbone, compute)
        self.compute = compute
        self.writer = writer
        self.shown = shown
        self.left = deque(extraction.missing)
        self.run_bytes = compute.pick(cpu=RUN_BYTES, cuda=RUN_BYTES_ON_GPU)
        self.media_s = 0.0
        self.start = time.monotonic()
        self._begin_anew()

    def _begin_anew(self) -> None:
        """Begin with the first part that is left."""
        self.under_way: Run | None = None
        # What had been done before each part that was begun.
        self.before: deque[tuple[float, Work]] = deque()
        self.num_shown = 0
        self._begin(0)

    def _begin(self, number: int) -> None:
        """Begin a part by its place in those that are left."""
        self.num_taken = self.num_begun = 0
        self.waiting: dict[int, Example] = {}
        self.held_bytes = 0
        self.encoded: Encoded | None = None
        if number < len(self.left):
            self.encoded = Encoded(self.left[number])
            self.before.append((self.media_s, replace(self.encoder.work)))

    def take(self, prepared: Prepared) -> None:
        """Take the next utterance of the parts that are left, if there are any.

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
            self.held_bytes += prepared.num_bytes
            self.media_s += prepared.duration_s
        self.num_taken += 1
        last = self.num_taken == len(encoded.plan.utterances)
        if last or self.held_bytes >= self.run_bytes:
            self._start_run(encoded, last)

    def _start_run(self, encoded: Encoded, last: bool) -> None:
        """Begin to encode what waits, then fetch the run before."""
        try:
            wait = self.encoder.start(self.waiting)
        except LackOfMemoryError:
            self.finish()  # the run before is whole
            raise
        started = Run(encoded, wait, self.num_taken - self.num_begun, last)
        self.finish()
        self.under_way = started
        self.num_begun = self.num_taken
        self.waiting, self.held_bytes = {}, 0
        if last:
            self._begin(1)
        if not self.compute.on_gpu:
            self.finish()

    def finish(self) -> None:
        """Fetch the run that is under way; a part that is whole goes to the writer."""
        run, self.under_way = self.under_way, None
        if run is None:
            return
        run.encoded.tracks.update(run.wait())
        self.shown.advance(run.num_utterances, self.note())
        self.num_shown += run.num_utterances
        if run.last:
            run.encoded.made_with.update(made_with(self.compute, self.encoder.budget))
            self.writer.add(run.encoded)
            self.left.popleft()
            self.before.popleft()
            self.num_shown = 0

    def give_up(self) -> None:
        """Forget what was begun of the parts that are left."""
        self.shown.advance(-self.num_shown)
        if self.before:
            self.media_s, self.encoder.work = self.before[0]
        self._begin_anew()

    def leave(self, reason: str) -> None:
        """Make no more parts, and give the network's memory back; a run of its own will."""
        self.left.clear()
        self.give_up()
        let_go(self.encoder.backbone)
        print(f"{self.name} is left to a run of its own: {reason}", file=sys.stderr)

    def shrink(self) -> None:
        """Work in batches half as large from now on."""
        self.encoder.budget = max(1, self.encoder.budget // 2)
        print(
            f"out of memory on {self.compute.device}: the part is made again with a "
            f"budget of {self.encoder.budget} steps",
            file=sys.stderr,
        )

    def note(self) -> str:
        """How fast media went by, and how much of the work was padding."""
        padding = f"{100 * self.encoder.work.padding:.1f} % padding"
        if not self.media_s:
            return padding
        speed = self.media_s / max(time.monotonic() - self.start, 1e-9)
        return f"{speed:.1f}x realtime, {padding}"
