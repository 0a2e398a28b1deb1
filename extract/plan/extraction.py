"""One backbone over one corpus: its planned parts, and those that the pool has."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from extract.network.backbone import Backbone
from extract.network.compute import Compute
from extract.plan.context import Context
from extract.plan.parts import PlannedPart, plan_parts
from extract.plan.recipe import store_header
from features.manifest import Utterance
from features.progress import progress
from features.specs.tracks import BackboneSpec, ExtractSpec, settings_digest
from features.store.pool import Part, Pool
from features.store.publish import Header

MAX_UTTERANCES_PER_PART = 1024
# A thousand texts fill only a few batches, and batches never cross parts. Parts of the usual size
# or less keep their borders.
MAX_TEXTS_PER_PART, LARGE_PART_BYTES = 8192, 2**24
# The length of an ordinary utterance, for which backbones give their `nominal_steps`.
NOMINAL_S = 4.0
NOMINAL_CHARACTERS = 100


@dataclass
class Extraction:
    """The planned parts of one backbone, and those that the pool has, by key.

    `name` is that of the corpus and the backbone; `own` are the keys of the parts that this run
    makes where it is one of several, None for all.
    """

    name: str
    backbone: Backbone
    header: Header
    context: Context
    planned: list[PlannedPart]
    finished: dict[str, Part]
    made_for: dict[str, str]
    own: frozenset[str] | None = None

    @property
    def missing(self) -> list[PlannedPart]:
        """The parts of this run that are not made yet, in order."""
        return [plan for plan in self.unfinished if self.own is None or plan.key in self.own]

    @property
    def unfinished(self) -> list[PlannedPart]:
        """All parts that are not made yet, in order."""
        return [plan for plan in self.planned if plan.key not in self.finished]

    def look_up(self, pool: Pool) -> None:
        """Find out which parts the pool has now, whoever made them."""
        plans = self.unfinished
        for plan in progress(plans, f"{self.name}: finished parts", len(plans), "parts"):
            if (part := _finished(plan, pool)) is not None:
                self.finished[plan.key] = part

    @property
    def parts(self) -> list[Part]:
        """The finished parts, in order."""
        return [self.finished[plan.key] for plan in self.planned if plan.key in self.finished]


def planned_extraction(
    name: str,
    backbone: Backbone,
    backbone_spec: BackboneSpec,
    manifest: Sequence[Utterance],
    spec: ExtractSpec,
    compute: Compute,
    pool: Pool,
) -> Extraction:
    """Plan a backbone's parts over a manifest and look up which are finished."""
    header = store_header(backbone, backbone_spec, spec, compute)
    reading = backbone.reading
    context = Context.of(manifest, reading)
    per_part = utterances_per_part(backbone, spec, manifest)
    planned = plan_parts(
        manifest, reading.modalities, header.recipe, per_part, context.key_strings()
    )
    settings = settings_digest(backbone_spec.leaf)
    made_for = {"name": name, "recipe": header.recipe, "settings": settings}
    extraction = Extraction(name, backbone, header, context, planned, {}, made_for)
    extraction.look_up(pool)
    return extraction


def utterances_per_part(
    backbone: Backbone, spec: ExtractSpec, manifest: Sequence[Utterance]
) -> float:
    """How many utterances make about `part_bytes`, where they are as long as the manifest's."""
    many_texts = backbone.modality == "text" and spec.part_bytes > LARGE_PART_BYTES
    limit = MAX_TEXTS_PER_PART if many_texts else MAX_UTTERANCES_PER_PART
    steps = backbone.nominal_steps * _times_longer(backbone, manifest)
    num_values = len(backbone.layers) * steps * backbone.dim
    fitting = spec.part_bytes / (num_values * np.dtype(spec.dtype).itemsize)
    return min(fitting, limit)


def _times_longer(backbone: Backbone, manifest: Sequence[Utterance]) -> int:
    """How many times longer than ordinary ones the utterances are, as a power of two.

    Powers of two, because borders should stay where they are when an utterance is added.
    """
    if backbone.rate_hz is None:
        lengths = [len(u.text) / NOMINAL_CHARACTERS for u in manifest if u.text is not None]
    else:
        lengths = [u.duration_s / NOMINAL_S for u in manifest if u.duration_s is not None]
    mean = sum(lengths) / len(lengths) if lengths else 1.0
    return int(2 ** max(0, round(math.log2(max(mean, 1.0)))))


def _finished(plan: PlannedPart, pool: Pool) -> Part | None:
    part = pool.find(plan.key)
    ids = tuple(utterance.id for utterance in plan.utterances)
    return part if part is not None and (part.ids, part.inputs) == (ids, plan.inputs) else None
