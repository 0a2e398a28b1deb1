"""Makes the missing parts of several backbones in one pass over the media."""

import os
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

from extract.fill.part_maker import PartMaker
from extract.fill.part_writer import PartWriter
from extract.fill.prefetch import Prefetch
from extract.fill.prepare import Prepared
from extract.fill.reader import Reader
from extract.media.child import TIMEOUT_S, Child
from extract.network.backbone import Backbone
from extract.network.compute import Compute, LackOfMemoryError
from extract.plan.extraction import Extraction
from features.errors import ProjectError
from features.manifest import Utterance
from features.progress import Progress
from features.specs.tracks import ExtractSpec
from features.store.pool import Pool

MAX_READERS = 16
# How much prepared input may wait.
AHEAD_BYTES, AHEAD_BYTES_ON_GPU = 32 * 2**20, 512 * 2**20
# Texts that are tokenised in one call.
TEXTS_TOGETHER = 256
Item = tuple[Utterance, list[int]]
Block = list[Item]


def make_missing_parts(
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
    contexts = [extraction.context for extraction in extractions]
    total = sum(len(plan.utterances) for x in extractions for plan in x.missing)
    names = ", ".join(extraction.name for extraction in extractions)
    counted = "utterances" if len(extractions) == 1 else "tracks"
    # A GPU makes parts faster than one thread writes them.
    num_writers = compute.pick(cpu=1, cuda=2)
    with ExitStack() as stack:
        readers = [
            Reader(root, backbones, spec, contexts, stack.enter_context(child))
            for child in _children(backbones, spec)
        ]
        writers = [
            stack.enter_context(PartWriter(pool, x, spec.dtype, num_writers)) for x in extractions
        ]
        progress = stack.enter_context(Progress(names, total, counted))
        makers = [
            PartMaker(extraction, compute, writer, progress)
            for extraction, writer in zip(extractions, writers, strict=True)
        ]
        _run_until_complete(makers, readers, manifest, compute)
        for reader in readers:  # all at once, before each is waited for
            reader.child.interrupt()
    for extraction, writer in zip(extractions, writers, strict=True):
        extraction.finished.update({part.key: part for part in writer.parts})
    return makers[0], f"{progress.summary()}, {makers[0].speed_and_padding()}"


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


def _run_until_complete(
    makers: Sequence[PartMaker],
    readers: Sequence[Reader],
    manifest: Sequence[Utterance],
    compute: Compute,
) -> None:
    """Make all parts that remain; only a failure of the first maker ends the run.

    After a lack of memory the unfinished parts are made again: without the other makers, whose
    networks fill the memory too; then in smaller batches; and a single window once more, now that
    it has the memory to itself.
    """
    num_remaining_at_retry: int | None = None
    while any(maker.remaining for maker in makers):
        shortage = _run_pass(makers, readers, list(_blocks(makers, manifest)), compute)
        if shortage is None:
            continue
        companions = [maker for maker in makers[1:] if maker.remaining]
        for maker in companions:
            maker.abandon("the networks do not fit into the memory together")
        num_remaining = len(makers[0].remaining)
        if shortage.window_steps is None:
            if not companions:
                makers[0].halve_budget()
        elif companions or num_remaining_at_retry != num_remaining:
            num_remaining_at_retry = None if companions else num_remaining
        else:
            raise _too_large(makers[0], shortage, compute)
        compute.release()


def _too_large(maker: PartMaker, shortage: LackOfMemoryError, compute: Compute) -> ProjectError:
    return ProjectError(
        f"{maker.name}: one window of {shortage.window_steps} steps does not fit into the memory "
        f"of {compute.device} ({shortage.fault}); finished parts are kept. Lower the backbone's "
        "window_s, size_px or max_tokens, whichever it has, or give --device cpu."
    )


def _blocks(makers: Sequence[PartMaker], manifest: Sequence[Utterance]) -> Iterator[Block]:
    """Every utterance of a remaining part, in order, with the numbers of its makers.

    Texts come in blocks, since a tokenizer is fastest on many; everything else one by one.
    """
    ids_by_maker = [{u.id for plan in maker.remaining for u in plan.utterances} for maker in makers]
    reads_text = makers[0].encoder.backbone.reading.modalities[0] == "text"
    size = TEXTS_TOGETHER if reads_text else 1
    block: Block = []
    for utterance in manifest:
        numbers = [number for number, ids in enumerate(ids_by_maker) if utterance.id in ids]
        if numbers:
            block.append((utterance, numbers))
        if len(block) == size:
            yield block
            block = []
    if block:
        yield block


def _run_pass(
    makers: Sequence[PartMaker],
    readers: Sequence[Reader],
    blocks: Sequence[Block],
    compute: Compute,
) -> LackOfMemoryError | None:
    """Read all blocks for the makers; the error where the memory ran out."""

    def interrupt() -> None:
        for reader in readers:
            reader.child.interrupt()

    functions = [reader.read_all for reader in readers]
    ahead_bytes = compute.pick(cpu=AHEAD_BYTES, cuda=AHEAD_BYTES_ON_GPU)
    try:
        with Prefetch(blocks, functions, _num_bytes, ahead_bytes, interrupt) as ahead:
            for block in ahead:
                for prepared_by_number in block:
                    for number, prepared in prepared_by_number.items():
                        with _abandoned_on_failure(makers[number], number > 0, compute):
                            makers[number].take(prepared)
        for number, maker in enumerate(makers):
            with _abandoned_on_failure(maker, number > 0, compute):
                maker.finish()
    except LackOfMemoryError as error:
        for maker in makers:
            maker.discard_unfinished()
        for reader in readers:
            reader.child.close()  # it may have been interrupted between two calls
        # Without its traceback, which would keep the tensors of the failed batch alive.
        return LackOfMemoryError(error.fault, error.window_steps)
    return None


@contextmanager
def _abandoned_on_failure(maker: PartMaker, is_companion: bool, compute: Compute) -> Iterator[None]:
    """Abandon a companion that cannot continue; a failure of the first maker is raised."""
    try:
        yield
    except ProjectError as error:
        if not is_companion:
            raise
        maker.abandon(str(error))
    except LackOfMemoryError as shortage:
        if not is_companion or shortage.window_steps is None:
            raise
        maker.abandon(str(_too_large(maker, shortage, compute)))


def _num_bytes(block: Sequence[dict[int, Prepared]]) -> int:
    return sum(prepared.num_bytes for by_number in block for prepared in by_number.values())
