"""Media that contradict their annotation: in their lengths, their stretches, their streams."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from extract.corpus.stretches import beyond_recordings, refuse_impossible
from extract.media.files.header import Header, header_of
from features.errors import and_more
from features.manifest import Utterance
from features.progress import progress
from features.untrusted.regular import file_fault

# Both must be exceeded: annotations are rounded, and clips have margins.
MAX_FACTOR = 1.5
MAX_DIFFERENCE_S = 1.0
NUM_NAMED = 10


def contradictions(root: Path, utterances: Sequence[Utterance]) -> list[str]:
    """Lines that name the utterances whose media are not what the annotation says.

    Raises ProjectError for impossible stretches, and for those that begin after the end of a
    recording.
    """
    refuse_impossible(utterances)
    usable = [utterance for utterance in utterances if utterance.known_bad is None]
    paths = {path for u in usable for path in (u.audio, u.video) if path is not None}
    faults = {path: file_fault(root, path) for path in sorted(paths)}
    present = [path for path, fault in faults.items() if fault is None]
    headers = {
        path: header
        for path in progress(present, "headers of media", len(present), "files")
        if (header := header_of(root / path)) is not None
    }
    unread = [fault for path, fault in faults.items() if fault and (root / path).exists()]
    return [
        *_listed("files cannot be read", unread),
        *_wrong_lengths(usable, headers),
        *beyond_recordings(root, usable, headers.keys()),
        *_listed("audio files have no audio", _without("audio", usable, headers)),
        *_listed("video files have no video", _without("video", usable, headers)),
    ]


def _wrong_lengths(utterances: Sequence[Utterance], headers: Mapping[str, Header]) -> list[str]:
    """The clips whose length contradicts the annotation, worst first."""
    mismatches: list[tuple[float, str]] = []
    for utterance in utterances:
        header = headers.get(utterance.audio or utterance.video or "")
        if header is None or header.length_s is None or utterance.annotated_s is None:
            continue
        difference = abs(header.length_s - utterance.annotated_s)
        shorter, longer = sorted((header.length_s, utterance.annotated_s))
        if difference > MAX_DIFFERENCE_S and longer > MAX_FACTOR * max(shorter, 0.0):
            lengths = f"{header.length_s:.2f} s, annotated {utterance.annotated_s:.2f} s"
            mismatches.append((-difference, f"{utterance.id} ({lengths})"))
    worst_first = [text for _, text in sorted(mismatches)]
    return _listed("clips contradict their annotated length", worst_first)


def _without(
    kind: str, utterances: Sequence[Utterance], headers: Mapping[str, Header]
) -> list[str]:
    """The utterances whose audio, or video, file has no stream of that kind."""
    paths = {u.id: u.audio if kind == "audio" else u.video for u in utterances}
    return [
        f"{name} ({path})"
        for name, path in paths.items()
        if (header := headers.get(path or "")) is not None and kind not in header.kinds
    ]


def _listed(what: str, names: Sequence[str]) -> list[str]:
    return [f"{len(names)} {what}: {and_more(names, NUM_NAMED)}"] if names else []
