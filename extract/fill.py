"""Makes the parts of a store that are not in the pool yet, and publishes them."""

import platform
import sys
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from extract.backbone import Backbone, Example, load_backbone
from extract.batching import batches
from extract.media.child import Child
from extract.media.errors import UnreadableError
from extract.plan import PlannedPart, plan_parts
from extract.reading import Reader
from extract.recipe import store_header
from features.errors import ProjectError
from features.manifest import Utterance
from features.progress import progress
from features.specs import BackboneSpec, CorpusSpec, ExtractSpec
from features.store.pool import Part, Pool
from features.store.publish import FAILURES, publish

FLOAT16_MAX = 65504.0
NAMED_FAILURES = 10


@dataclass(frozen=True)
class Filled:
    """What one extraction did: parts in all, parts made now, and utterances per reason."""

    num_parts: int
    num_made: int
    reasons: Counter[str]


def fill(
    path: Path,
    manifest: Sequence[Utterance],
    corpus: CorpusSpec,
    backbone_spec: BackboneSpec,
    spec: ExtractSpec,
    device: torch.device,
    pool: Pool,
) -> Filled:
    """Extract one backbone over one corpus and publish the store at `path`.

    Parts that the pool has are kept; a killed run continues where it stopped and ends with the
    same bytes. Raises ProjectError where more utterances fail than `max_failed` allows; their
    parts stay, and nothing is published.
    """
    _require_some(manifest, corpus, backbone_spec)
    torch.set_num_threads(spec.threads)
    backbone = load_backbone(backbone_spec, device)
    header = store_header(backbone, backbone_spec, spec)
    num_values = len(backbone.layers) * backbone.nominal_steps * backbone.dim
    per_part = spec.part_bytes / (num_values * np.dtype(spec.dtype).itemsize)
    planned = plan_parts(manifest, backbone.modality, header.recipe, per_part)
    pool.sweep()
    found = {part.key: pool.find(part.key) for part in planned}
    missing = [part for part in planned if found[part.key] is None]
    what = f"{corpus.name}-{backbone_spec.name}"
    with Child() as child:
        reader = Reader(corpus.root, backbone, spec, child)
        filler = _Filler(backbone, reader, spec.dtype, pool, device)
        for todo in progress(missing, what, len(missing), "parts"):
            found[todo.key] = filler.make(todo)
    parts = [part for part in found.values() if part is not None]
    reasons = Counter(reason for part in parts for reason in part.reasons)
    _refuse_failures(what, parts, spec.max_failed)
    publish(path, header, parts, pool)
    return Filled(len(parts), len(missing), reasons)


class _Filler:
    """Makes one part at a time: read, prepare, encode, check, write."""

    def __init__(
        self, backbone: Backbone, reader: Reader, dtype: str, pool: Pool, device: torch.device
    ) -> None:
        self.backbone = backbone
        self.reader = reader
        self.dtype = dtype
        self.pool = pool
        self.made_with = {
            "device": torch.cuda.get_device_name(device) if device.type == "cuda" else "cpu",
            "machine": platform.machine(),
            "compute": "float32",
            "torch": torch.__version__,
            "numpy": np.__version__,
        }

    def make(self, planned: PlannedPart) -> Part:
        reasons = ["ok"] * len(planned.utterances)
        examples: dict[int, Example] = {}
        for position, utterance in enumerate(planned.utterances):
            try:
                examples[position] = self.example(utterance)
            except UnreadableError as error:
                reasons[position] = error.reason
                if error.reason in FAILURES:
                    print(f"{utterance.id}: {error.reason}: {error.detail}", file=sys.stderr)
        tracks = self.encode(examples)
        for position, track in list(tracks.items()):
            fault = _fault(track, self.dtype)
            if fault is not None:
                reasons[position] = fault
                del tracks[position]
        return self.write(planned, examples, tracks, reasons)

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
        planned: PlannedPart,
        examples: dict[int, Example],
        tracks: dict[int, Tensor],
        reasons: list[str],
    ) -> Part:
        num_layers, dim = len(self.backbone.layers), self.backbone.dim
        kept = [tracks[position].numpy() for position in sorted(tracks)]
        none = np.zeros((num_layers, 0, dim), np.float32)
        values = np.concatenate([none, *kept], axis=1).astype(self.dtype)
        spans = [span for position in sorted(tracks) for span in examples[position].spans or ()]
        positions = range(len(planned.utterances))
        return self.pool.add(
            values,
            key=planned.key,
            ids=tuple(utterance.id for utterance in planned.utterances),
            inputs=planned.inputs,
            lengths=tuple(tracks[p].shape[1] if p in tracks else 0 for p in positions),
            reasons=tuple(reasons),
            spans=tuple(spans) if self.backbone.modality == "text" else None,
            made_with=self.made_with,
        )


def _fault(track: Tensor, dtype: str) -> str | None:
    """The reason code of a track that must not be stored, or None."""
    if not bool(torch.isfinite(track).all()):
        return "not-finite"
    if dtype == "float16" and float(track.abs().max()) > FLOAT16_MAX:
        return "beyond-float16"
    return None


def _require_some(
    manifest: Sequence[Utterance], corpus: CorpusSpec, backbone_spec: BackboneSpec
) -> None:
    modality = backbone_spec.modality
    if all(utterance.source(modality) is None for utterance in manifest):
        raise ProjectError(
            f"the corpus {corpus.name!r} has no {modality}, which the backbone "
            f"{backbone_spec.name!r} reads; remove that track from params.yaml, or give a root "
            f"({corpus.root}) that holds the media"
        )


def _refuse_failures(what: str, parts: Sequence[Part], max_failed: int) -> None:
    failed = [
        f"{name} ({reason})"
        for part in parts
        for name, reason in zip(part.ids, part.reasons, strict=True)
        if reason in FAILURES
    ]
    if len(failed) <= max_failed:
        return
    shown = ", ".join(failed[:NAMED_FAILURES])
    more = f" and {len(failed) - NAMED_FAILURES} more" if len(failed) > NAMED_FAILURES else ""
    raise ProjectError(
        f"{what}: {len(failed)} utterances cannot be encoded, {max_failed} are allowed: "
        f"{shown}{more}. Mend their media, or raise extract.max_failed in params.yaml; finished "
        "parts are kept."
    )
