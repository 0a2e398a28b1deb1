"""Makes the parts of a store that are not in the pool yet, and publishes them."""

import sys
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

import torch

from extract.fill.outcome import ExtractionResult, publish_complete, result_of
from extract.fill.passes import make_missing_parts
from extract.media.child import warm_up
from extract.network.backbone import Backbone, load_backbone
from extract.network.compute import Compute, LackOfMemoryError, memory_checked
from extract.plan.extraction import Extraction, planned_extraction
from extract.plan.share import Share
from features.errors import ProjectError
from features.manifest import Utterance
from features.specs.tracks import BackboneSpec, CorpusSpec, ExtractSpec
from features.store.pool import Pool


def extract_tracks(
    path: Path,
    manifest: Sequence[Utterance],
    corpus: CorpusSpec,
    backbone_spec: BackboneSpec,
    spec: ExtractSpec,
    device: torch.device,
    pool: Pool,
    companions: Sequence[BackboneSpec] = (),
    share: Share | None = None,
) -> ExtractionResult:
    """Load one backbone, run it over one corpus and publish the store at `path`.

    Parts that the pool has are kept; a killed run continues where it stopped and ends with the
    same bytes. Parts that `companions`, backbones of the same modality, lack are made in the same
    pass, so that each file is decoded once; they are not published. With a `share` only its parts
    are made, and the store is published by the run that finds none missing. Raises ProjectError
    where more utterances fail than `max_failed` allows; their parts stay, and nothing is published.
    """
    _require_some(manifest, corpus, backbone_spec.name, backbone_spec.reads)
    compute = Compute.of(spec, device)
    backbone = load_fitting(backbone_spec, compute)
    for modality in backbone.reading.modalities[1:]:
        _require_some(manifest, corpus, backbone_spec.name, modality)
    loaded = [(backbone_spec, backbone), *_load_companions(companions, compute)]
    if backbone_spec.reads in ("audio", "video"):
        warm_up(*(type(backbone.prepare).__module__ for _, backbone in loaded))
    return fill_store(loaded, compute, path, manifest, corpus, spec, pool, share)


def load_fitting(spec: BackboneSpec, compute: Compute) -> Backbone:
    """Load a backbone; ProjectError where the memory of the device does not hold it."""
    with suppress(LackOfMemoryError), memory_checked():
        return load_backbone(spec, compute)
    compute.release()
    raise ProjectError(
        f"the network of {spec.name!r} does not fit into the memory of {compute.device}; stop "
        "other programs there, take a smaller network (or compute: bfloat16 for a large one on a "
        "GPU), or give --device cpu"
    )


def _load_companions(
    companions: Sequence[BackboneSpec], compute: Compute
) -> list[tuple[BackboneSpec, Backbone]]:
    """Those that can be loaded; a separate run of each of the others says why it cannot."""
    loaded = []
    for companion in companions:
        try:
            loaded.append((companion, load_fitting(companion, compute)))
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
    share: Share | None = None,
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
    if share is not None:
        for extraction in extractions:
            extraction.own = share.keys(extraction.planned)
    num_missing = len(main.missing)
    maker, speed = make_missing_parts(extractions, compute, corpus.root, manifest, spec, pool)
    # Other shares may have finished meanwhile: the one that sees all parts first publishes.
    main.look_up(pool)
    publish_complete(path, main, corpus, spec, pool)
    return result_of(main, num_missing, maker.encoder.work.padding, speed)


def _require_some(
    manifest: Sequence[Utterance], corpus: CorpusSpec, name: str, modality: str
) -> None:
    if all(utterance.source(modality) is None for utterance in manifest):
        raise ProjectError(
            f"the corpus {corpus.name!r} has no {modality}, which the backbone "
            f"{name!r} reads; remove that track from params.yaml, or give a root "
            f"({corpus.root}) that holds the media"
        )
