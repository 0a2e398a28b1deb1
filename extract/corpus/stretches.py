"""Impossible stretches, and stretches that extend beyond the end of a recording."""

import math
from collections.abc import Collection, Iterator, Sequence
from pathlib import Path

from extract.media.files.header import length_s
from features.errors import and_more, raise_all
from features.manifest import Utterance
from features.progress import progress

# Later times are impossible: 32 years.
MAX_S = 1e9
# Annotations are rounded to seconds.
ROUNDING_S = 1.0
NUM_NAMED = 10
Times = tuple[float | None, float | None]


def refuse_impossible(utterances: Sequence[Utterance]) -> None:
    """Raise ProjectError with every stretch and turn whose times are impossible."""
    problems = [
        f"the utterance {utterance.id!r} starts at {_text(start_s)} and ends at {_text(end_s)}; "
        "times are seconds from the start of the recording, and the end is later than the start"
        for utterance in utterances
        for start_s, end_s in {*_stretches(utterance, "audio"), *_stretches(utterance, "video")}
        if not _is_possible(start_s, end_s)
    ]
    raise_all(sorted(problems), "times of utterances")


def beyond_recordings(
    root: Path, utterances: Sequence[Utterance], readable: Collection[str]
) -> list[str]:
    """One line that names the utterances that reach beyond the end of their recording.

    Such an utterance is cut at the end of the recording. Raises ProjectError where nothing is left
    of it, but not for a session, whose turns after the end are counted when they are read.
    `readable` are the paths that can be opened.
    """
    users = [(u, path, times) for u in utterances for path, times in _cut_media(u, readable)]
    paths = sorted({path for _, path, _ in users})
    lengths_s = {
        path: length_s(root / path)
        for path in progress(paths, "lengths of recordings", len(paths), "files")
    }
    problems, beyond = [], []
    for utterance, path, times in users:
        end_s = lengths_s[path]
        if end_s is None:
            continue
        if utterance.segments is None and (times[0][0] or 0.0) >= end_s:
            problems.append(
                f"the utterance {utterance.id!r} starts at {_text(times[0][0])}, but {path} ends "
                f"after {end_s:.2f} s; correct its times, or name it under known_bad"
            )
        elif (last_s := max(end or 0.0 for _, end in times)) > end_s + ROUNDING_S:
            beyond.append(f"{utterance.id} (to {last_s:.2f} s of {end_s:.2f} s)")
    raise_all(list(dict.fromkeys(problems)), "stretches of recordings")
    named = and_more(list(dict.fromkeys(beyond)), NUM_NAMED)
    count = len(set(beyond))
    return [f"{count} utterances reach beyond the end of their recording: {named}"] if count else []


def _cut_media(
    utterance: Utterance, readable: Collection[str]
) -> Iterator[tuple[str, list[Times]]]:
    """The readable files of which an utterance is a part, with its stretches."""
    for path, modality in ((utterance.audio, "audio"), (utterance.video, "video")):
        times = _stretches(utterance, modality)
        if path is not None and path in readable and times:
            yield path, times


def _stretches(utterance: Utterance, modality: str) -> list[Times]:
    if utterance.segments is not None:
        return [(segment.start_s, segment.end_s) for segment in utterance.segments]
    times = utterance.video_stretch if modality == "video" else (utterance.start_s, utterance.end_s)
    return [] if times == (None, None) else [times]


def _is_possible(start_s: float | None, end_s: float | None) -> bool:
    times = (start_s or 0.0, MAX_S if end_s is None else end_s)
    return all(map(math.isfinite, times)) and 0 <= times[0] < times[1] <= MAX_S


def _text(time_s: float | None) -> str:
    if time_s is None:
        return "no stated time"
    return f"{time_s:.2f} s" if abs(time_s) <= MAX_S else f"{time_s:g} s"
