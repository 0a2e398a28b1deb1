"""Makes the missing parts of several backbones in one pass over the media."""

import os
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path

import torch

from extract.backbone import Backbone
from extract.compute import Compute
from extract.extraction import Extraction
from extract.media.child import TIMEOUT_S, Child
from extract.part_maker import PartMaker
from extract.part_writer import PartWriter
from extract.prefetch import Prefetch
from extract.preparing import Prepared
from extract.reading import Reader
from features.errors import ProjectError
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
    total = sum(len(plan.utterances) for x in extractions for plan in x.missing)
    what = ", ".join(extraction.name for extraction in extractions)
    unit = "utterances" if len(extractions) == 1 else "tracks"
    with ExitStack() as stack:
        readers = [
            Reader(root, backbones, spec, contexts, stack.enter_context(child))
            for child in _children(backbones, spec)
        ]
        writers = [
            stack.enter_context(PartWriter(pool, x.name, x.backbone, spec.dtype))
            for x in extractions
        ]
        shown = stack.enter_context(Progress(what, total, unit))
        makers = [
            PartMaker(extraction, compute, writer, shown)
            for extraction, writer in zip(extractions, writers, strict=True)
        ]
        _make(makers, readers, manifest)
    for extraction, writer in zip(extractions, writers, strict=True):
        extraction.found.update({part.key: part for part in writer.parts})
    return makers[0], f"{shown.summary()}, {makers[0].note()}"


def _children(backbones: Sequence[Backbone], spec: ExtractSpec) -> list[Child]:
    """Decoding processes, with time for the preparation of every network."""
    prepares = [backbone.prepare for backbone in backbones]
    count = num_readers(backbones[0].reading.modalities[0], spec.threads)
    return [Child(TIMEOUT_S * len(backbones), prepares) for _ in range(count)]


def num_readers(reads: str, threads: int) -> int:
    """How many processes decode: one for each core that the network leaves, from 1 to 16."""
    if reads not in ("audio", "video"):
        return 1
    allowed = getattr(os, "sched_getaffinity", None)
    num_cores = len(allowed(0)) if allowed else os.cpu_count() or 1
    return min(MAX_READERS, max(1, num_cores - threads))


def _make(
    makers: Sequence[PartMaker], readers: Sequence[Reader], manifest: Sequence[Utterance]
) -> None:
    """Make all parts that are left; only what befalls the first maker ends them all.

    After a lack of memory the parts that were begun are made again: without the other makers,
    whose networks fill the memory too, or in smaller batches where the first is alone.
    """
    while any(maker.left for maker in makers):
        if _made_all(makers, readers, list(_items(makers, manifest))):
            continue
        others = [maker for maker in makers[1:] if maker.left]
        for maker in others:
            maker.leave("the networks do not fit into the memory together")
        if not others:
            makers[0].shrink()
        # Not before the failed batch is gone with its exception.
        torch.cuda.empty_cache()


def _items(makers: Sequence[PartMaker], manifest: Sequence[Utterance]) -> Iterator[Item]:
    """Every utterance of a part that is left, in order, with the numbers of its makers."""
    wanted = [{u.id for plan in maker.left for u in plan.utterances} for maker in makers]
    for utterance in manifest:
        numbers = [number for number, ids in enumerate(wanted) if utterance.id in ids]
        if numbers:
            yield utterance, numbers


def _made_all(
    makers: Sequence[PartMaker], readers: Sequence[Reader], items: Sequence[Item]
) -> bool:
    """Give the makers all items; False where the memory ran out."""

    def interrupt() -> None:
        for reader in readers:
            reader.child.interrupt()

    functions = [reader.read for reader in readers]
    try:
        with Prefetch(items, functions, _num_bytes, AHEAD_BYTES, interrupt) as ahead:
            for found in ahead:
                for number, prepared in found.items():
                    _give(makers[number], prepared, number > 0)
    except torch.OutOfMemoryError:
        for maker in makers:
            maker.give_up()
        for reader in readers:
            reader.child.close()  # it may have been interrupted between two calls
        return False
    return True


def _give(maker: PartMaker, prepared: Prepared, companion: bool) -> None:
    """Give a maker the next utterance; a companion that cannot go on is left out from then on."""
    try:
        if maker.left:
            maker.take(prepared)
    except ProjectError as error:
        if not companion:
            raise
        maker.leave(str(error))


def _num_bytes(found: dict[int, Prepared]) -> int:
    return sum(prepared.num_bytes for prepared in found.values())
