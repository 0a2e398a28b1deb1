"""Media that are longer or shorter than their annotation says."""

from collections.abc import Sequence
from pathlib import Path

import av

from features.errors import and_more
from features.manifest import Utterance
from features.progress import progress

# Both must be exceeded: annotations are rounded, and clips have margins.
MAX_FACTOR = 1.5
MAX_DIFFERENCE_S = 1.0
NUM_NAMED = 10


def contradictions(root: Path, utterances: Sequence[Utterance]) -> list[str]:
    """One line that names the clips whose length contradicts the annotation, worst first."""
    annotated = [u for u in utterances if u.annotated_s is not None and u.known_bad is None]
    mismatches: list[tuple[float, str]] = []
    for utterance in progress(annotated, "lengths of media", len(annotated), "utterances"):
        path = utterance.audio or utterance.video
        length_s = None if path is None else media_length_s(root / path)
        if length_s is None or utterance.annotated_s is None:
            continue
        difference = abs(length_s - utterance.annotated_s)
        longer, shorter = max(length_s, utterance.annotated_s), min(length_s, utterance.annotated_s)
        if difference > MAX_DIFFERENCE_S and longer > MAX_FACTOR * max(shorter, 0.0):
            lengths = f"{length_s:.2f} s, annotated {utterance.annotated_s:.2f} s"
            mismatches.append((-difference, f"{utterance.id} ({lengths})"))
    if not mismatches:
        return []
    worst_first = [text for _, text in sorted(mismatches)]
    listed = and_more(worst_first, NUM_NAMED)
    return [f"{len(mismatches)} clips contradict their annotated length: {listed}"]


def media_length_s(path: Path) -> float | None:
    """The length in the header of a file, None where there is none or it cannot be opened."""
    try:
        with av.open(str(path)) as container:
            return None if container.duration is None else container.duration / av.time_base
    except (av.FFmpegError, OSError, ValueError):
        return None
