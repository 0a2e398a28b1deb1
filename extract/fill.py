"""Makes the parts of a store that are not in the pool yet, and publishes them."""

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
from extract.recipe import made_with, store_header
from features.errors import ProjectError
from features.manifest import Utterance
from features.progress import Progress, progress
from features.specs import BackboneSpec, CorpusSpec, ExtractSpec
from features.store.pool import Part, Pool
from features.store.publish import FAILURES, publish

FLOAT16_MAX = 65504.0
MAX_UTTERANCES_PER_PART = 256
# How many budgets of prepared examples may wait for the network at a time.
BATCHES_IN_MEMORY = 8
Spans = tuple[tuple[int, int], ...]
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
    _exact_arithmetic(spec.threads)
    backbone = load_backbone(backbone_spec, device)
    header = store_header(backbone, backbone_spec, spec)
    planned = plan_parts(
        manifest, backbone.modality, header.recipe, _utterances_per_part(backbone, spec)
    )
    pool.sweep()
    what = f"{corpus.name}-{backbone_spec.name}"
    looked_up = progress(planned, f"{what}: finished parts", len(planned), "parts")
    found = {plan.key: _finished(plan, pool) for plan in looked_up}
    missing = [plan for plan in planned if found[plan.key] is None]
    total = sum(len(plan.utterances) for plan in missing)
    with Child() as child, Progress(what, total, "utterances") as shown:
        reader = Reader(corpus.root, backbone, spec, child)
        filler = _Filler(backbone, reader, spec.dtype, pool, device, shown)
        for plan in missing:
            found[plan.key] = filler.make(plan)
    parts = [part for part in found.values() if part is not None]
    reasons = Counter(reason for part in parts for reason in part.reasons)
    _refuse_failures(what, parts, spec.max_failed)
    publish(path, header, parts, pool)
    return Filled(len(parts), len(missing), reasons)


def _exact_arithmetic(threads: int) -> None:
    """Full float32 and repeatable kernels, on a GPU as well."""
    torch.set_num_threads(threads)
    torch.set_float32_matmul_precision("highest")
    torch.backends.cudnn.allow_tf32 = False
    torch.backends.cudnn.benchmark = False
    torch.backends.cudnn.deterministic = True


def _utterances_per_part(backbone: Backbone, spec: ExtractSpec) -> float:
    num_values = len(backbone.layers) * backbone.nominal_steps * backbone.dim
    wanted = spec.part_bytes / (num_values * np.dtype(spec.dtype).itemsize)
    return min(wanted, MAX_UTTERANCES_PER_PART)


def _finished(plan: PlannedPart, pool: Pool) -> Part | None:
    part = pool.find(plan.key)
    ids = tuple(utterance.id for utterance in plan.utterances)
    return part if part is not None and (part.ids, part.inputs) == (ids, plan.inputs) else None


class _Filler:
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
