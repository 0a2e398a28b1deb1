"""One backbone over one corpus: what is to be made, and what the pool has of it."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from extract.network.backbone import Backbone
from extract.network.compute import Compute
from extract.plan.context import Beside, beside
from extract.plan.parts import PlannedPart, plan_parts
from extract.plan.recipe import store_header
from features.manifest import Utterance
from features.progress import progress
from features.specs.tracks import BackboneSpec, ExtractSpec
from features.store.pool import Part, Pool
from features.store.publish import Header

MAX_UTTERANCES_PER_PART = 1024
# A thousand texts are a few batches only, and batches never cross parts. Parts that are asked to be
# no larger than was usual keep their borders.
MAX_TEXTS_PER_PART, LARGE_PART_BYTES = 8192, 2**24
# What an ordinary utterance is taken for, for which backbones name their `nominal_steps`.
NOMINAL_S = 4.0
NOMINAL_CHARACTERS = 100


@dataclass
class Extraction:
    """The planned parts of one backbone, and those that the pool has, by key.

    `name` is that of the corpus and the backbone; `contexts` holds what is read beside each
    utterance.
    """

    name: str
    backbone: Backbone
    header: Header
    contexts: Beside
    planned: list[PlannedPart]
    found: dict[str, Part]

    @property
    def missing(self) -> list[PlannedPart]:
        """The parts that are not made yet, in order."""
        return [plan for plan in self.planned if plan.key not in self.found]

    @property
    def parts(self) -> list[Part]:
        """The parts that there are, in order."""
        return [self.found[plan.key] for plan in self.planned if plan.key in self.found]


def planned_extraction(
    name: str,
    backbone: Backbone,
    backbone_spec: BackboneSpec,
    manifest: Sequence[Utterance],
    spec: ExtractSpec,
    compute: Compute,
    pool: Pool,
) -> Extraction:
    """Plan a backbone's parts over a manifest and look up which of them are finished."""
    header = store_header(backbone, backbone_spec, spec, compute)
    reading = backbone.reading
    contexts = beside(manifest, reading)
    per_part = utterances_per_part(backbone, spec, manifest)
    planned = plan_parts(manifest, reading.modalities, header.recipe, per_part, contexts)
    looked_up = progress(planned, f"{name}: finished parts", len(planned), "parts")
    finished = {plan.key: _finished(plan, pool) for plan in looked_up}
    found = {key: part for key, part in finished.items() if part is not None}
    return Extraction(name, backbone, header, contexts, planned, found)


def utterances_per_part(
    backbone: Backbone, spec: ExtractSpec, manifest: Sequence[Utterance]
) -> float:
    """How many utterances make about `part_bytes`, where they are as long as the manifest's."""
    many_texts = backbone.modality == "text" and spec.part_bytes > LARGE_PART_BYTES
    most = MAX_TEXTS_PER_PART if many_texts else MAX_UTTERANCES_PER_PART
    steps = backbone.nominal_steps * _times_longer(backbone, manifest)
    num_values = len(backbone.layers) * steps * backbone.dim
    wanted = spec.part_bytes / (num_values * np.dtype(spec.dtype).itemsize)
    return min(wanted, most)


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
