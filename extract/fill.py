"""Makes the parts of a store that are not in the pool yet, and publishes them."""

import os
from collections import Counter
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from extract.backbone import Backbone, load_backbone
from extract.compute import Compute
from extract.media.child import Child, warm_up
from extract.media.text import context_texts
from extract.part_maker import PartMaker
from extract.part_writer import PartWriter
from extract.plan import PlannedPart, plan_parts
from extract.reading import Reader
from extract.recipe import store_header
from features.errors import ProjectError
from features.manifest import Utterance
from features.progress import Progress, progress
from features.specs import BackboneSpec, CorpusSpec, ExtractSpec
from features.store.index import FAILURES
from features.store.pool import Part, Pool
from features.store.publish import publish

MAX_UTTERANCES_PER_PART = 1024
MAX_READERS = 16
NAMED_FAILURES = 10
# What to do about values, where the media are not to blame.
REMEDIES = {
    "beyond-float16": "Set extract.dtype to float32",
    "not-finite": "Look whether the network's weights are whole (under bfloat16, compute: float32)",
}


@dataclass(frozen=True)
class Filled:
    """What one extraction did: parts in all, parts made now, utterances per reason, its speed.

    `padding` is the share of padding in the steps that the network ran over.
    """

    num_parts: int
    num_made: int
    reasons: Counter[str]
    padding: float
    speed: str


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
    compute = Compute.of(spec, device)
    backbone = load_backbone(backbone_spec, compute)
    if backbone.modality != "text":
        warm_up(type(backbone.prepare).__module__)
    return fill_with(backbone, compute, path, manifest, corpus, backbone_spec, spec, pool)


def fill_with(
    backbone: Backbone,
    compute: Compute,
    path: Path,
    manifest: Sequence[Utterance],
    corpus: CorpusSpec,
    backbone_spec: BackboneSpec,
    spec: ExtractSpec,
    pool: Pool,
) -> Filled:
    """`fill` with a backbone that was loaded before."""
    header = store_header(backbone, backbone_spec, spec)
    contexts = context_texts(manifest, backbone.reading.get("context_turns", 0))
    per_part = _utterances_per_part(backbone, spec)
    planned = plan_parts(manifest, backbone.modality, header.recipe, per_part, contexts)
    pool.sweep()
    what = f"{corpus.name}-{backbone_spec.name}"
    looked_up = progress(planned, f"{what}: finished parts", len(planned), "parts")
    found = {plan.key: _finished(plan, pool) for plan in looked_up}
    missing = [plan for plan in planned if found[plan.key] is None]
    with ExitStack() as stack:
        readers = [
            Reader(corpus.root, backbone, spec, contexts, stack.enter_context(Child()))
            for _ in range(num_readers(backbone.modality, spec.threads))
        ]
        writer = stack.enter_context(PartWriter(pool, backbone, spec.dtype))
        total = sum(len(plan.utterances) for plan in missing)
        shown = stack.enter_context(Progress(what, total, "utterances"))
        maker = PartMaker(backbone, compute, readers, writer, shown)
        maker.make(missing)
    found.update({part.key: part for part in writer.parts})
    parts = [part for part in found.values() if part is not None]
    reasons = Counter(reason for part in parts for reason in part.reasons)
    _refuse_failures(what, parts, spec.max_failed)
    publish(path, header, parts, pool)
    speed = f"{shown.summary()}, {maker.note()}"
    return Filled(len(parts), len(missing), reasons, maker.encoder.work.padding, speed)


def num_readers(modality: str, threads: int) -> int:
    """How many processes decode: one for each core that the network leaves, from 1 to 16."""
    if modality == "text":
        return 1
    allowed = getattr(os, "sched_getaffinity", None)
    num_cores = len(allowed(0)) if allowed else os.cpu_count() or 1
    return min(MAX_READERS, max(1, num_cores - threads))


def _utterances_per_part(backbone: Backbone, spec: ExtractSpec) -> float:
    num_values = len(backbone.layers) * backbone.nominal_steps * backbone.dim
    wanted = spec.part_bytes / (num_values * np.dtype(spec.dtype).itemsize)
    return min(wanted, MAX_UTTERANCES_PER_PART)


def _finished(plan: PlannedPart, pool: Pool) -> Part | None:
    part = pool.find(plan.key)
    ids = tuple(utterance.id for utterance in plan.utterances)
    return part if part is not None and (part.ids, part.inputs) == (ids, plan.inputs) else None


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
    found = {reason for part in parts for reason in part.reasons if reason in FAILURES}
    remedies = ["Mend their media"] if found - REMEDIES.keys() else []
    remedies += [REMEDIES[reason] for reason in sorted(found & REMEDIES.keys())]
    raise ProjectError(
        f"{what}: {len(failed)} utterances cannot be encoded, {max_failed} are allowed: "
        f"{shown}{more}. {', or '.join(remedies)}, or raise extract.max_failed in params.yaml; "
        "finished parts are kept."
    )
