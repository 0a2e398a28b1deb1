"""The page as a folder that any web server shows."""

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from app.corpora.sound import Sound
from app.explore.corpus import Corpus
from app.explore.details import details
from app.explore.health import health
from app.explore.page_files import PAGE_FILES
from app.explore.video import video_path
from features.drafts import draft_of, replace_folder
from features.errors import ProjectError
from features.progress import Progress

MARK = "permafrost-explore"


def export(corpus: Corpus, folder: Path, with_media: bool) -> int:
    """Write the page, its data and, if wanted, its clips; returns the number of files.

    The folder appears when all of it is there; one that an export has written is replaced. A video
    of several utterances is copied once, whole. Raises ProjectError if it holds anything else.
    """
    folder = folder.absolute()
    is_free = not folder.exists() or (folder / MARK).is_file()
    if not is_free and not (folder.is_dir() and not any(folder.iterdir())):
        raise ProjectError(
            f"{folder} is a file, or contains files not written by an export; name a new folder, "
            "or empty it"
        )
    count = 0
    with draft_of(folder) as draft:
        for name, content in _files(corpus, with_media):
            path = draft / name
            path.parent.mkdir(parents=True, exist_ok=True)
            if isinstance(content, Path):
                shutil.copyfile(content, path)
            else:
                path.write_bytes(content)
            count += 1
        replace_folder(draft, folder)
    return count


def _files(corpus: Corpus, with_media: bool) -> Iterator[tuple[str, bytes | Path]]:
    yield MARK, b""
    yield from PAGE_FILES.items()
    yield "data/corpus.json", _json({**corpus.table(), "is_static": True})
    yield "data/stores.json", _json(health(corpus))
    copied: dict[str, str] = {}
    with Progress("explore", len(corpus.utterances), "utterances") as progress:
        for row, utterance in enumerate(corpus.utterances):
            shown = details(corpus, row)
            if with_media:
                yield from _media(corpus, row, shown, copied)
            else:
                shown = {**shown, **_without_media(shown)}
            yield f"data/utterances/{row}.json", _json(shown)
            progress.advance(note=utterance.id)


def _media(
    corpus: Corpus, row: int, shown: dict[str, Any], copied: dict[str, str]
) -> Iterator[tuple[str, bytes | Path]]:
    """An utterance's clips; `copied` has the names of videos that were already copied."""
    utterance = corpus.utterances[row]
    sound = corpus.sounds.of(utterance)
    if isinstance(sound, Sound):
        yield shown["audio"]["source"], sound.flac
    if shown["video"] and "source" in shown["video"]:
        assert utterance.video is not None
        if utterance.video not in copied:
            copied[utterance.video] = shown["video"]["source"]
            yield shown["video"]["source"], video_path(corpus, row)
        shown["video"]["source"] = copied[utterance.video]


def _without_media(shown: dict[str, Any]) -> dict[str, Any]:
    """What is said of an utterance's media in an export that has none."""
    left_out = "this export has no clips (--with-media adds them)"
    audio = {key: value for key, value in shown["audio"].items() if key != "source"}
    audio = audio if "reason" in audio else {**audio, "reason": left_out}
    video = (
        {"reason": left_out} if shown["video"] and "source" in shown["video"] else shown["video"]
    )
    return {"audio": audio, "video": video}


def _json(content: Any) -> bytes:
    return json.dumps(content, ensure_ascii=False, separators=(",", ":")).encode()
