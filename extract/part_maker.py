"""Makes one part: read, prepare, encode in batches, check, write."""

import sys

import numpy as np
import torch
from torch import Tensor

from extract.backbone import Backbone, Example
from extract.batching import batches
from extract.media.errors import UnreadableError
from extract.plan import PlannedPart
from extract.reading import Reader
from extract.recipe import made_with
from features.manifest import Utterance
from features.progress import Progress
from features.store.index import FAILURES
from features.store.pool import Part, Pool

FLOAT16_MAX = 65504.0
# How many budgets of prepared examples may wait for the network at a time.
BATCHES_IN_MEMORY = 8
Spans = tuple[tuple[int, int], ...]


class PartMaker:
    """Makes one part at a time: read, prepare, encode, check, write."""

    def __init__(
        self,
        backbone: Backbone,
        reader: Reader,
        dtype: str,
        pool: Pool,
        device: torch.device,
        shown: Progress,
    ) -> None:
        self.backbone = backbone
        self.reader = reader
        self.dtype = dtype
        self.pool = pool
        self.shown = shown
        self.made_with = made_with(device)

    def make(self, plan: PlannedPart) -> Part:
        """Read and encode a part in runs of bounded work, so that memory is bounded too."""
        reasons = ["ok"] * len(plan.utterances)
        tracks: dict[int, Tensor] = {}
        spans: dict[int, Spans] = {}
        waiting: dict[int, Example] = {}
        work = 0
        for position, utterance in enumerate(plan.utterances):
            try:
                example = self.example(utterance)
                spans[position] = example.spans or ()
                waiting[position] = example
                work += self.backbone.cost(example)
            except UnreadableError as error:
                reasons[position] = error.reason
                if error.reason in FAILURES:
                    print(f"{utterance.id}: {error.reason}: {error.detail}", file=sys.stderr)
            if work >= BATCHES_IN_MEMORY * self.backbone.budget:
                tracks.update(self.encode(waiting))
                waiting, work = {}, 0
            self.shown.advance()
        tracks.update(self.encode(waiting))
        for position, track in list(tracks.items()):
            fault = track_fault(track, self.dtype)
            if fault is not None:
                reasons[position] = fault
                del tracks[position]
        return self.write(plan, spans, tracks, reasons)

    def example(self, utterance: Utterance) -> Example:
        example = self.backbone.prepare(self.reader.read(utterance))
        if self.backbone.cost(example) == 0:
            raise UnreadableError("empty", "it has no steps")
        return example

    def encode(self, examples: dict[int, Example]) -> dict[int, Tensor]:
        positions = list(examples)
        costs = [self.backbone.cost(examples[position]) for position in positions]
        tracks: dict[int, Tensor] = {}
        with torch.inference_mode():
            for batch in batches(costs, self.backbone.budget):
                chosen = [positions[place] for place in batch]
                encoded = self.backbone.encode([examples[position] for position in chosen])
                tracks.update(zip(chosen, encoded, strict=True))
        return tracks

    def write(
        self,
        plan: PlannedPart,
        spans: dict[int, Spans],
        tracks: dict[int, Tensor],
        reasons: list[str],
    ) -> Part:
        num_layers, dim = len(self.backbone.layers), self.backbone.dim
        kept = [tracks[position].numpy() for position in sorted(tracks)]
        none = np.zeros((num_layers, 0, dim), np.float32)
        values = np.concatenate([none, *kept], axis=1).astype(self.dtype)
        kept_spans = [span for position in sorted(tracks) for span in spans[position]]
        positions = range(len(plan.utterances))
        return self.pool.add(
            values,
            key=plan.key,
            ids=tuple(utterance.id for utterance in plan.utterances),
            inputs=plan.inputs,
            lengths=tuple(tracks[p].shape[1] if p in tracks else 0 for p in positions),
            reasons=tuple(reasons),
            spans=tuple(kept_spans) if self.backbone.modality == "text" else None,
            made_with=self.made_with,
        )


def track_fault(track: Tensor, dtype: str) -> str | None:
    """The reason code of a track that must not be stored, or None."""
    if not bool(torch.isfinite(track).all()):
        return "not-finite"
    if dtype == "float16" and float(track.abs().max()) > FLOAT16_MAX:
        return "beyond-float16"
    return None
