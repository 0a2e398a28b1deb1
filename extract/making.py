"""Makes the missing parts of several backbones in one pass over the media."""

import os
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path

import torch

from extract.compute import Compute
from extract.extraction import Extraction
from extract.media.child import Child
from extract.part_maker import PartMaker
from extract.part_writer import PartWriter
from extract.prefetch import Prefetch
from extract.preparing import Prepared
from extract.reading import Reader
from features.manifest import Utterance
from features.progress import Progress
from features.specs import ExtractSpec
from features.store.pool import Pool

MAX_READERS = 16
# How much prepared input may wait.
AHEAD_BYTES = 32 * 2**20
Item = tuple[Utterance, list[int]]


def make_parts(
    extractions: Sequence[Extraction],
    compute: Compute,
    root: Path,
    manifest: Sequence[Utterance],
    spec: ExtractSpec,
    pool: Pool,
) -> tuple[PartMaker, str]:
    """Make what the extractions lack; the maker of the first of them, and how fast it went.

    All are of one modality; an utterance is read once for all that need it.
    """
    backbones = [extraction.backbone for extraction in extractions]
    contexts = [extraction.contexts for extraction in extractions]
    prepares = [backbone.prepare for backbone in backbones]
    total = sum(len(plan.utterances) for x in extractions for plan in x.missing)
    what = ", ".join(extraction.name for extraction in extractions)
    unit = "utterances" if len(extractions) == 1 else "tracks"
    with ExitStack() as stack:
        readers = [
            Reader(root, backbones, spec, contexts, stack.enter_context(Child(held=prepares)))
            for _ in range(num_readers(backbones[0].modality, spec.threads))
        ]
        writers = [stack.enter_context(PartWriter(pool, b, spec.dtype)) for b in backbones]
        shown = stack.enter_context(Progress(what, total, unit))
        makers = [
            PartMaker(extraction.backbone, compute, writer, shown, extraction.missing)
            for extraction, writer in zip(extractions, writers, strict=True)
        ]
        _make(makers, readers, manifest)
    for extraction, writer in zip(extractions, writers, strict=True):
        extraction.found.update({part.key: part for part in writer.parts})
    return makers[0], f"{shown.summary()}, {makers[0].note()}"


def num_readers(modality: str, threads: int) -> int:
    """How many processes decode: one for each core that the network leaves, from 1 to 16."""
    if modality == "text":
        return 1
    allowed = getattr(os, "sched_getaffinity", None)
    num_cores = len(allowed(0)) if allowed else os.cpu_count() or 1
    return min(MAX_READERS, max(1, num_cores - threads))


def _make(
    makers: Sequence[PartMaker], readers: Sequence[Reader], manifest: Sequence[Utterance]
) -> None:
    """Make all parts that are left.

    After a lack of memory the parts that were begun are made again, those of the maker that it
    befell in smaller batches.
    """
    while any(maker.left for maker in makers):
        failed = _failed(makers, readers, list(_items(makers, manifest)))
        if failed is not None:
            # Not before the failed batch is gone with its exception.
            torch.cuda.empty_cache()
            failed.shrink()


def _items(makers: Sequence[PartMaker], manifest: Sequence[Utterance]) -> Iterator[Item]:
    """Every utterance of a part that is left, in order, with the numbers of its makers."""
    wanted = [{u.id for plan in maker.left for u in plan.utterances} for maker in makers]
    for utterance in manifest:
        numbers = [number for number, ids in enumerate(wanted) if utterance.id in ids]
        if numbers:
            yield utterance, numbers


def _failed(
    makers: Sequence[PartMaker], readers: Sequence[Reader], items: Sequence[Item]
) -> PartMaker | None:
    """Give the makers all items; the maker whose memory ran out, where one's did."""

    def interrupt() -> None:
        for reader in readers:
            reader.child.interrupt()

    functions = [reader.read for reader in readers]
    at = makers[0]
    try:
        with Prefetch(items, functions, _num_bytes, AHEAD_BYTES, interrupt) as ahead:
            for found in ahead:
                for number, prepared in found.items():
                    at = makers[number]
                    at.take(prepared)
    except torch.OutOfMemoryError:
        for maker in makers:
            maker.give_up()
        return at
    return None


def _num_bytes(found: dict[int, Prepared]) -> int:
    return sum(prepared.num_bytes for prepared in found.values())
