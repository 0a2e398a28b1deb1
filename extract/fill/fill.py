"""Makes the parts of a store that are not in the pool yet, and publishes them."""

import sys
from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import torch

from extract.fill.passes import make_missing_parts
from extract.media.child import warm_up
from extract.network.backbone import Backbone, load_backbone
from extract.network.compute import Compute, LackOfMemoryError, memory_checked
from extract.plan.extraction import Extraction, planned_extraction
from features.errors import ProjectError, and_more
from features.manifest import Utterance
from features.specs.tracks import BackboneSpec, CorpusSpec, ExtractSpec
from features.store.index import FAILURES
from features.store.pool import Part, Pool
from features.store.publish import publish

NAMED_FAILURES = 10
# What to do about values, where the media are not to blame.
REMEDIES = {
    "beyond-float16": "Set extract.dtype to float32",
    "not-finite": "Check that the network's weights are intact (under bfloat16, compute: float32)",
}


@dataclass(frozen=True)
class ExtractionResult:
    """What one extraction did: parts in all, parts made now, utterances per reason, its speed.

    `padding` is the share of padding in the steps that the network ran over. `facts` are sums over
    the utterances, by name. `unknown_texts` are the ids of texts that are mostly unknown to the
    tokenizer, `silent` those of clips without any sound.
    """

    num_parts: int
    num_made: int
    reasons: Counter[str]
    padding: float
    speed: str
    facts: Counter[str]
    unknown_texts: tuple[str, ...]
    silent: tuple[str, ...] = ()


def extract_tracks(
    path: Path,
    manifest: Sequence[Utterance],
    corpus: CorpusSpec,
    backbone_spec: BackboneSpec,
    spec: ExtractSpec,
    device: torch.device,
    pool: Pool,
    companions: Sequence[BackboneSpec] = (),
) -> ExtractionResult:
    """Load one backbone, run it over one corpus and publish the store at `path`.

    Parts that the pool has are kept; a killed run continues where it stopped and ends with the
    same bytes. Parts that `companions`, backbones of the same modality, lack are made in the same
    pass, so that each file is decoded once; they are not published. Raises ProjectError where more
    utterances fail than `max_failed` allows; their parts stay, and nothing is published.
    """
    _require_some(manifest, corpus, backbone_spec.name, backbone_spec.reads)
    compute = Compute.of(spec, device)
    backbone = _load_fitting(backbone_spec, compute)
    for modality in backbone.reading.modalities[1:]:
        _require_some(manifest, corpus, backbone_spec.name, modality)
    loaded = [(backbone_spec, backbone), *_load_companions(companions, compute)]
    if backbone_spec.reads in ("audio", "video"):
        warm_up(*(type(backbone.prepare).__module__ for _, backbone in loaded))
    return fill_store(loaded, compute, path, manifest, corpus, spec, pool)


def _load_fitting(spec: BackboneSpec, compute: Compute) -> Backbone:
    """Load a backbone; ProjectError where the memory of the device does not hold it."""
    with suppress(LackOfMemoryError), memory_checked():
        return load_backbone(spec, compute)
    compute.release()
    raise ProjectError(
        f"the network of {spec.name!r} does not fit into the memory of {compute.device}; end what "
        "else runs there, take a smaller network (or compute: bfloat16 for a large one on a GPU), "
        "or give --device cpu"
    )


def _load_companions(
    companions: Sequence[BackboneSpec], compute: Compute
) -> list[tuple[BackboneSpec, Backbone]]:
    """Those that can be loaded; a separate run of each of the others says why it cannot."""
    loaded = []
    for companion in companions:
        try:
            loaded.append((companion, _load_fitting(companion, compute)))
        except ProjectError as error:
            reason = str(error).splitlines()[0]
            print(f"{companion.name} is not made in the same pass: {reason}", file=sys.stderr)
    return loaded


def fill_store(
    loaded: Sequence[tuple[BackboneSpec, Backbone]],
    compute: Compute,
    path: Path,
    manifest: Sequence[Utterance],
    corpus: CorpusSpec,
    spec: ExtractSpec,
    pool: Pool,
) -> ExtractionResult:
    """Make the missing parts of loaded backbones and publish the first one's store at `path`."""
    pool.sweep()
    planned = [
        planned_extraction(
            f"{corpus.name}-{backbone_spec.name}",
            backbone, backbone_spec, manifest, spec, compute, pool,
        )
        for backbone_spec, backbone in loaded
    ]  # fmt: skip
    main = planned[0]
    extractions: list[Extraction] = []
    for extraction in planned:
        # Two names of the same network would make the same parts.
        if extraction.header.recipe not in {x.header.recipe for x in extractions}:
            extractions.append(extraction)
    num_missing = len(main.missing)
    maker, speed = make_missing_parts(extractions, compute, corpus.root, manifest, spec, pool)
    _refuse_failures(main.name, main.parts, spec.max_failed)
    _refuse_absence(main.name, main.parts, corpus, loaded[0][1].reading.modalities[0])
    publish(path, main.header, main.parts, pool)
    return _result(main.parts, num_missing, maker.encoder.work.padding, speed)


def _result(parts: Sequence[Part], num_made: int, padding: float, speed: str) -> ExtractionResult:
    facts: Counter[str] = Counter()
    for part in parts:
        facts.update({name: sum(counts) for name, counts in part.facts.items()})
    reasons = Counter(reason for part in parts for reason in part.reasons)
    unknown_texts, silent = _ids_with(parts, "num_unknown"), _ids_with(parts, "num_silent")
    return ExtractionResult(
        len(parts), num_made, reasons, padding, speed, facts, unknown_texts, silent
    )


def _ids_with(parts: Sequence[Part], fact: str) -> tuple[str, ...]:
    """The ids of the utterances of which a fact is not 0."""
    return tuple(
        name
        for part in parts
        for name, count in zip(part.ids, part.facts.get(fact, ()), strict=False)
        if count
    )


def _require_some(
    manifest: Sequence[Utterance], corpus: CorpusSpec, name: str, modality: str
) -> None:
    if all(utterance.source(modality) is None for utterance in manifest):
        raise ProjectError(
            f"the corpus {corpus.name!r} has no {modality}, which the backbone "
            f"{name!r} reads; remove that track from params.yaml, or give a root "
            f"({corpus.root}) that holds the media"
        )


def _refuse_absence(name: str, parts: Sequence[Part], corpus: CorpusSpec, modality: str) -> None:
    """Raise ProjectError where files are named and none has a stream of the modality."""
    if all(reason == "absent" for part in parts for reason in part.reasons):
        raise ProjectError(
            f"{name}: no file that the corpus names for its {modality} has any {modality}; correct "
            f"the paths in {corpus.root}, or remove the track from params.yaml"
        )


def _refuse_failures(name: str, parts: Sequence[Part], max_failed: int) -> None:
    failures = [
        (utterance_id, reason)
        for part in parts
        for utterance_id, reason in zip(part.ids, part.reasons, strict=True)
        if reason in FAILURES
    ]
    if len(failures) <= max_failed:
        return
    named = and_more([f"{failed} ({reason})" for failed, reason in failures], NAMED_FAILURES)
    reasons = {reason for _, reason in failures}
    remedies = ["Replace their files"] if reasons - REMEDIES.keys() else []
    remedies += [REMEDIES[reason] for reason in sorted(reasons & REMEDIES.keys())]
    raise ProjectError(
        f"{name}: {len(failures)} utterances cannot be encoded, {max_failed} are allowed: "
        f"{named}. {', or '.join(remedies)}, or raise extract.max_failed in params.yaml; "
        "finished parts are kept."
    )
