"""Ends an extraction: publishes a store whose parts are all there, and says what was done."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from extract.plan.extraction import Extraction
from features.errors import ProjectError, and_more
from features.specs.tracks import CorpusSpec, ExtractSpec
from features.store.format import DOUBTFUL
from features.store.index import FAILURES
from features.store.pool import Part, Pool
from features.store.publish import publish

NAMED_FAILURES = 10
# What to do about values that cannot be stored, for which the media are not to blame.
REMEDIES = {
    "beyond-float16": "Set extract.dtype to float32",
    "not-finite": "Check that the weights are intact (if compute is bfloat16, try float32)",
}


@dataclass(frozen=True)
class ExtractionResult:
    """What one extraction did: parts in all, parts made now, utterances per reason, its speed.

    `padding` is the share of padding in the steps that the network ran over. `facts` are sums over
    the utterances, by name; `doubtful` has the ids of those of which a fact in DOUBTFUL is not 0.
    `num_unfinished` parts are left to other shares; if there are any, nothing was published.
    """

    num_parts: int
    num_made: int
    reasons: Counter[str]
    padding: float
    speed: str
    facts: Counter[str]
    doubtful: Mapping[str, tuple[str, ...]]
    num_unfinished: int = 0


def publish_complete(
    path: Path, extraction: Extraction, corpus: CorpusSpec, spec: ExtractSpec, pool: Pool
) -> None:
    """Publish a store whose parts are all there; ProjectError where too many tracks failed."""
    name, parts = extraction.name, extraction.parts
    _refuse_failures(name, parts, spec.max_failed)
    if extraction.unfinished:
        return
    _refuse_absence(name, parts, corpus, extraction.backbone.reading.modalities[0])
    publish(path, extraction.header, parts, pool)


def result_of(
    extraction: Extraction, num_made: int, padding: float, speed: str
) -> ExtractionResult:
    """What an extraction did, from the parts that are there."""
    parts = extraction.parts
    facts: Counter[str] = Counter()
    for part in parts:
        facts.update({name: sum(counts) for name, counts in part.facts.items()})
    reasons = Counter(reason for part in parts for reason in part.reasons)
    doubtful = {name: ids for name in DOUBTFUL if (ids := _ids_with(parts, name))}
    return ExtractionResult(
        len(extraction.planned), num_made, reasons, padding, speed, facts, doubtful,
        len(extraction.unfinished),
    )  # fmt: skip


def _ids_with(parts: Sequence[Part], fact: str) -> tuple[str, ...]:
    """The ids of the utterances of which a fact is not 0."""
    return tuple(
        name
        for part in parts
        for name, count in zip(part.ids, part.facts.get(fact, ()), strict=False)
        if count
    )


def _refuse_absence(name: str, parts: Sequence[Part], corpus: CorpusSpec, modality: str) -> None:
    """Raise ProjectError where files are named and none has a stream of the modality."""
    if all(reason == "absent" for part in parts for reason in part.reasons):
        raise ProjectError(
            f"{name}: none of the files that the corpus names as {modality} has any {modality}; "
            f"correct the paths in {corpus.root}, or remove the track from params.yaml"
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
        f"{name}: {len(failures)} utterances cannot be encoded, but only {max_failed} may fail: "
        f"{named}. {', or '.join(remedies)}, or raise extract.max_failed in params.yaml; "
        "finished parts are kept."
    )
