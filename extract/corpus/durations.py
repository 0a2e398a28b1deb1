"""Media that last longer or shorter than their annotation says."""

from collections.abc import Sequence
from pathlib import Path

import av

from features.manifest import Utterance
from features.progress import progress

# What differs by both counts as a contradiction: annotations are rounded, clips have margins.
MAX_FACTOR = 1.5
MAX_DIFFERENCE_S = 1.0
NAMED = 10


def contradictions(root: Path, utterances: Sequence[Utterance]) -> list[str]:
    """One line that names the clips whose length contradicts the annotation, worst first."""
    stated = [u for u in utterances if u.annotated_s is not None and u.known_bad is None]
    found: list[tuple[float, str]] = []
    for utterance in progress(stated, "lengths of media", len(stated), "utterances"):
        path = utterance.audio or utterance.video
        length_s = None if path is None else media_length_s(root / path)
        if length_s is None or utterance.annotated_s is None:
            continue
        difference = abs(length_s - utterance.annotated_s)
        longer, shorter = max(length_s, utterance.annotated_s), min(length_s, utterance.annotated_s)
        if difference > MAX_DIFFERENCE_S and longer > MAX_FACTOR * max(shorter, 0.0):
            told = f"{utterance.id} ({length_s:.2f} s, annotated {utterance.annotated_s:.2f} s)"
            found.append((-difference, told))
    if not found:
        return []
    named = ", ".join(told for _, told in sorted(found)[:NAMED])
    more = f" and {len(found) - NAMED} more" if len(found) > NAMED else ""
    return [f"{len(found)} clips contradict the length that is annotated: {named}{more}"]


def media_length_s(path: Path) -> float | None:
    """How long a file says it is, None where it says nothing or cannot be opened."""
    try:
        with av.open(str(path)) as container:
            return None if container.duration is None else container.duration / av.time_base
    except (av.FFmpegError, OSError, ValueError):
        return None
