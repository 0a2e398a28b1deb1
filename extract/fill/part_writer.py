"""Checks and writes finished parts while the network works on the next one."""

import math
import sys
from collections.abc import Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field

import numpy as np
import torch
from torch import Tensor

from extract.plan.extraction import Extraction
from extract.plan.parts import PlannedPart
from features.store.index import FAILURES
from features.store.pool import Part, Pool

FLOAT16_MAX = 65504.0
Spans = tuple[tuple[int, int], ...]


@dataclass
class Encoded:
    """The tracks of a part by position in it, their spans and facts, and every utterance's reason.

    A reason comes with its detail.
    """

    plan: PlannedPart
    tracks: dict[int, Tensor] = field(default_factory=dict)
    spans: dict[int, Spans] = field(default_factory=dict)
    facts: dict[int, dict[str, int]] = field(default_factory=dict)
    reasons: list[tuple[str, str]] = field(default_factory=list)
    made_with: dict[str, str] = field(default_factory=dict)


class PartWriter:
    """Writes parts in threads of its own, as many at a time as there are threads.

    An error in a write is raised by the next call, or on exit.
    """

    def __init__(self, pool: Pool, extraction: Extraction, dtype: str, threads: int = 1) -> None:
        self.pool = pool
        self.name, self.made_for = extraction.name, extraction.made_for
        self.backbone = extraction.backbone
        self.reads = self.backbone.reading.modalities[0]
        self.dtype = dtype
        self.num_threads = threads
        self.threads = ThreadPoolExecutor(threads)
        self.writing: list[Future[Part]] = []
        self.parts: list[Part] = []

    def __enter__(self) -> "PartWriter":
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        self.threads.shutdown(wait=True)
        if kind is None:
            self._collect(0)

    def add(self, encoded: Encoded) -> None:
        """Have a part written, as soon as a thread is free."""
        self.writing.append(self.threads.submit(self._write, encoded))
        self._collect(self.num_threads)

    def _collect(self, max_writing: int) -> None:
        while len(self.writing) > max_writing:
            self.parts.append(self.writing.pop(0).result())

    def _write(self, encoded: Encoded) -> Part:
        for position in list(encoded.tracks):
            fault = track_fault(encoded.tracks[position], self.dtype)
            if fault is not None:
                encoded.reasons[position] = (fault, f"its values cannot be stored as {self.dtype}")
                del encoded.tracks[position]
        for utterance, (reason, detail) in zip(
            encoded.plan.utterances, encoded.reasons, strict=True
        ):
            absent_in_file = reason == "absent" and utterance.source(self.reads) is not None
            if reason in FAILURES or absent_in_file:
                print(f"{self.name}: {utterance.id}: {reason}: {detail}", file=sys.stderr)
        kept = sorted(encoded.tracks)
        lengths = _lengths(encoded.tracks, len(encoded.plan.utterances))
        num_layers, end = len(self.backbone.layers), 0
        values = np.empty((num_layers, sum(lengths), self.backbone.dim), self.dtype)
        for position in kept:
            # Taken out one by one: a part is never in memory twice. Torch rounds to float16 some
            # forty times faster than NumPy, to the same bits.
            place = torch.from_numpy(values[:, end : end + lengths[position]])
            place.copy_(encoded.tracks.pop(position))
            end += lengths[position]
        spans = tuple(span for position in kept for span in encoded.spans[position])
        return self.pool.add(
            values,
            key=encoded.plan.key,
            ids=tuple(utterance.id for utterance in encoded.plan.utterances),
            inputs=encoded.plan.inputs,
            lengths=lengths,
            reasons=tuple(reason for reason, _ in encoded.reasons),
            spans=spans if "text" in self.backbone.reading.modalities else None,
            facts=_facts(encoded, kept),
            made_with=encoded.made_with,
            made_for=self.made_for,
        )


def track_fault(track: Tensor, dtype: str) -> str | None:
    """The reason code of a track that must not be stored, or None."""
    # By NumPy, whose threads do not compete with the network's.
    values = track.numpy()
    least, greatest = float(values.min()), float(values.max())
    if not (math.isfinite(least) and math.isfinite(greatest)):
        return "not-finite"
    if dtype == "float16" and max(-least, greatest) > FLOAT16_MAX:
        return "beyond-float16"
    return None


def _facts(encoded: Encoded, kept: Sequence[int]) -> dict[str, tuple[int, ...]]:
    """By name, a number for every utterance of the part, 0 where it has no track."""
    facts = {position: encoded.facts[position] for position in kept}
    names = sorted({name for own in facts.values() for name in own})
    positions = range(len(encoded.plan.utterances))
    return {name: tuple(facts.get(p, {}).get(name, 0) for p in positions) for name in names}


def _lengths(tracks: Mapping[int, Tensor], num_utterances: int) -> tuple[int, ...]:
    return tuple(tracks[p].shape[1] if p in tracks else 0 for p in range(num_utterances))
