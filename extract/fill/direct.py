"""Encodes utterances into memory, with no pool and no store: for predictions of new clips.

Reading, preparing, encoding and rounding are the same as in an extraction, so a clip of a corpus
gets the track that its store has.
"""

from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from extract.fill.part_writer import track_fault
from extract.fill.prepare import Prepared
from extract.fill.reader import Reader
from extract.media.child import TIMEOUT_S, Child, warm_up
from extract.network.backbone import Backbone
from extract.network.compute import Compute, LackOfMemoryError
from extract.network.encoder import Encoder
from extract.plan.context import Context
from features.errors import ProjectError
from features.manifest import Utterance
from features.specs.tracks import ExtractSpec

# The reason of a clip whose decoding took too long, too much memory, or was ended from outside.
NOT_READ = "not-read"
# Prepared utterances that are held at a time, in bytes.
GROUP_BYTES = 32 * 2**20


@dataclass(frozen=True)
class DirectTrack:
    """The track `(L, T, D)` of an utterance in the format of stores, or why it has none.

    `reason` is a reason code of the store or NOT_READ, `detail` the cause in words.
    """

    values: NDArray[Any] | None
    reason: str = "ok"
    detail: str = ""


class DirectEncoder(AbstractContextManager["DirectEncoder"]):
    """One backbone that encodes utterances as they come; it and its decoder stay loaded."""

    def __init__(self, backbone: Backbone, spec: ExtractSpec, compute: Compute) -> None:
        self.backbone, self.spec, self.compute = backbone, spec, compute
        self.encoder = Encoder(backbone, compute)
        self.child = Child(TIMEOUT_S, [backbone.prepare])
        if backbone.reading.modalities[0] in ("audio", "video"):
            warm_up(type(backbone.prepare).__module__)

    def __exit__(self, *_: object) -> None:
        self.child.close()

    def tracks(self, root: Path, utterances: Sequence[Utterance]) -> list[DirectTrack]:
        """The track of each utterance, whose paths are relative to `root`.

        Earlier turns that a backbone reads as context are looked up among these utterances. Raises
        ProjectError where a single window does not fit into the memory.
        """
        context = Context.of(utterances, self.backbone.reading)
        reader = Reader(root, [self.backbone], self.spec, [context], self.child)
        tracks: list[DirectTrack] = []
        waiting: list[Prepared] = []
        waiting_bytes = 0
        for prepared in self._prepared(reader, utterances):
            waiting.append(prepared)
            waiting_bytes += prepared.num_bytes
            if waiting_bytes >= GROUP_BYTES:
                tracks += self._encoded(waiting)
                waiting, waiting_bytes = [], 0
        return tracks + self._encoded(waiting)

    def _prepared(self, reader: Reader, utterances: Sequence[Utterance]) -> Any:
        if reader.reads == "text":
            # In one call for all, as extraction has them tokenised.
            return (one[0] for one in reader.read_all([(u, [0]) for u in utterances]))
        return (_read(reader, utterance) for utterance in utterances)

    def _encoded(self, group: Sequence[Prepared]) -> list[DirectTrack]:
        examples = {n: one.example for n, one in enumerate(group) if one.example is not None}
        while True:
            try:
                encoded = self.encoder.tracks(examples)
                break
            except LackOfMemoryError as shortage:
                if shortage.window_steps is not None:
                    raise ProjectError(
                        f"one window of {shortage.window_steps} steps does not fit into the memory "
                        f"of {self.compute.device}; stop other programs there, or give --device cpu"
                    ) from None
                self.encoder.budget = max(1, self.encoder.budget // 2)
                self.compute.release()
        return [
            self._stored(encoded[n]) if n in encoded else DirectTrack(None, one.reason, one.detail)
            for n, one in enumerate(group)
        ]

    def _stored(self, track: torch.Tensor) -> DirectTrack:
        """The track rounded as a store rounds it."""
        fault = track_fault(track, self.spec.dtype)
        if fault is not None:
            return DirectTrack(None, fault, f"its values cannot be stored as {self.spec.dtype}")
        rounded = np.empty(tuple(track.shape), self.spec.dtype)
        torch.from_numpy(rounded).copy_(track)
        return DirectTrack(rounded)


def _read(reader: Reader, utterance: Utterance) -> Prepared:
    """An utterance as the backbone takes it; NOT_READ if it failed through no fault of the file."""
    try:
        return reader.read((utterance, [0]))[0]
    except ProjectError as error:
        # The rest is about extractions, whose finished parts are kept.
        return Prepared(reason=NOT_READ, detail=str(error).partition("; finished parts")[0])
