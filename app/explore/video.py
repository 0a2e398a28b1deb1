"""The video files that a browser plays as they are."""

from pathlib import Path
from typing import Any

from app.explore.corpus import Corpus
from extract.media.errors import UnreadableError
from extract.media.files.source import Source
from features.errors import ProjectError

# Containers that browsers play; a browser without the codec says so itself.
PLAYED = {".mp4": "video/mp4", ".m4v": "video/mp4", ".mov": "video/mp4", ".webm": "video/webm"}


def video_of(corpus: Corpus, row: int) -> dict[str, Any] | None:
    """The address of an utterance's video and the stretch of it; a reason where it has none to
    show; None where the corpus has none for it."""
    utterance = corpus.utterances[row]
    if utterance.video is None:
        return None
    suffix = Path(utterance.video).suffix.lower()
    if suffix not in PLAYED:
        return {"reason": f"browsers do not play {suffix or 'files without an extension'}"}
    try:
        video_path(corpus, row)
    except (UnreadableError, ProjectError) as error:
        return {"reason": str(getattr(error, "detail", error))}
    start_s, end_s = utterance.video_stretch
    if utterance.segments:
        start_s, end_s = utterance.segments[0].start_s, utterance.segments[-1].end_s
    return {"source": f"media/{row}{suffix}", "start_s": start_s, "end_s": end_s}


def video_path(corpus: Corpus, row: int) -> Path:
    """The file of an utterance's video, which is the one in the manifest.

    Raises UnreadableError or ProjectError where it is missing, outside the corpus or changed.
    """
    utterance = corpus.utterances[row]
    assert utterance.video is not None
    spec, limit = corpus.sounds.corpus, corpus.sounds.extract.max_media_bytes
    return Source(spec.root, utterance.video, utterance.video_digest, limit).checked()
