"""Makes the parts of one backbone: prepared utterances in, encoded parts to the writer."""

import sys
import time
from collections import deque
from dataclasses import replace

from extract.backbone import Example, let_go
from extract.compute import Compute
from extract.encoder import Encoder
from extract.extraction import Extraction
from extract.part_writer import Encoded, PartWriter
from extract.preparing import Prepared
from extract.recipe import made_with
from features.errors import ProjectError
from features.progress import Progress

# How much prepared input is sorted into batches at a time.
RUN_BYTES = 32 * 2**20


class PartMaker:
    """Encodes parts one after another from what it is given, in runs of bounded work.

    `left` are the parts that are not with the writer yet. What was begun of the first of them
    can be given up, after a lack of memory, to be given again.
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
        self.media_s = 0.0
        self.start = time.monotonic()
        self._begin()

    def _begin(self) -> None:
        """Begin the next part."""
        self.num_taken = self.num_shown = 0
        self.waiting: dict[int, Example] = {}
        self.held_bytes = 0
        self.before = (self.media_s, replace(self.encoder.work))
        if self.left:
            self.encoded = Encoded(self.left[0])

    def take(self, found: Prepared) -> None:
        """Take the next utterance; raises torch.OutOfMemoryError where a batch does not fit."""
        encoded = self.encoded
        encoded.reasons.append((found.reason, found.detail))
        if found.example is not None:
            self.waiting[self.num_taken] = found.example
            encoded.spans[self.num_taken] = found.example.spans or ()
            encoded.facts[self.num_taken] = dict(found.example.facts)
            self.held_bytes += found.num_bytes
            self.media_s += found.duration_s
        self.num_taken += 1
        finished = self.num_taken == len(encoded.plan.utterances)
        if finished or self.held_bytes >= RUN_BYTES:
            self._run()
        if finished:
            encoded.made_with.update(made_with(self.compute, self.encoder.budget))
            self.writer.add(encoded)
            self.left.popleft()
            self._begin()

    def _run(self) -> None:
        """Encode what waits."""
        try:
            self.encoded.tracks.update(self.encoder.tracks(self.waiting))
        except ProjectError as error:
            raise ProjectError(f"{self.name}: {error}") from None
        self.waiting, self.held_bytes = {}, 0
        self.shown.advance(self.num_taken - self.num_shown, self.note())
        self.num_shown = self.num_taken

    def give_up(self) -> None:
        """Forget what was begun of a part."""
        self.shown.advance(-self.num_shown)
        self.media_s, self.encoder.work = self.before
        self._begin()

    def leave(self, reason: str) -> None:
        """Make no more parts, and give the network's memory back; a run of its own will."""
        self.give_up()
        self.left.clear()
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
