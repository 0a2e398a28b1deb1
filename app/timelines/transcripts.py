"""What is said in a recording, and when: subtitles, TextGrids and tables; or plain text."""

import io
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

from features.errors import ProjectError, quoted
from features.extras import require_extra

SUBTITLES = (".srt", ".vtt")
TEXTGRID = ".textgrid"
PLAIN = ".txt"
TABLES = (".csv", ".tsv", ".tab", ".xlsx", ".ods", ".jsonl", ".ndjson")


class Turn(NamedTuple):
    """Words between two times of a recording, and who says them (None: not known)."""

    start_s: float
    end_s: float
    text: str | None
    speaker: str | None


def read_transcript(path: Path, note: Callable[[str], None]) -> str | list[Turn]:
    """The turns of a transcript in the order of their starts; plain text where it has no times.

    Raises ProjectError for a file that cannot be read, has no turns, or ends one before it starts.
    """
    if not path.is_file():
        raise ProjectError(f"--transcript is {str(path)!r}, which is not a file")
    suffix = path.suffix.lower()
    if suffix == PLAIN:
        return " ".join(_text_of(path).split())
    if suffix in SUBTITLES:
        turns = _subtitles(path)
    elif suffix == TEXTGRID:
        turns = _textgrid(path, note)
    elif suffix in TABLES:
        turns = _table(path, note)
    else:
        extensions = (PLAIN, *SUBTITLES, ".TextGrid", *TABLES)
        raise ProjectError(
            f"--transcript is {str(path)!r}; its extension must be one of {quoted(extensions)}"
        )
    if not turns:
        raise ProjectError(f"{path} has no turns; give a transcript with times and words")
    for turn in turns:
        if not 0 <= turn.start_s < turn.end_s:
            raise ProjectError(
                f"{path}: a turn starts at {turn.start_s:g} s and ends at {turn.end_s:g} s; the "
                "end must be later"
            )
    return sorted(turns, key=lambda turn: (turn.start_s, turn.end_s))


def _text_of(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise ProjectError(f"{path} is not UTF-8 ({error.reason}); save it as UTF-8") from None


def _subtitles(path: Path) -> list[Turn]:
    require_extra("subtitles", "webvtt", "webvtt-py")
    import webvtt

    try:
        text = io.StringIO(_text_of(path))
        captions: Any = webvtt.from_buffer(text, format=path.suffix.lower().lstrip("."))
    except (webvtt.errors.MalformedFileError, webvtt.errors.MalformedCaptionError) as error:
        raise ProjectError(f"{path} is not a valid subtitle file: {error}") from None
    return [
        Turn(
            caption.start_in_seconds + caption.start_time.milliseconds / 1000,
            caption.end_in_seconds + caption.end_time.milliseconds / 1000,
            " ".join(caption.text.split()) or None,
            caption.voice,
        )
        for caption in captions
    ]


def _textgrid(path: Path, note: Callable[[str], None]) -> list[Turn]:
    """The intervals that are not empty; with several tiers each is a speaker."""
    require_extra("a TextGrid", "praatio", "praatio")
    from praatio import textgrid
    from praatio.utilities.errors import PraatioException

    try:
        grid = textgrid.openTextgrid(str(path), includeEmptyIntervals=False)
    except (PraatioException, UnicodeDecodeError, ValueError, IndexError) as error:
        raise ProjectError(f"{path} is not a TextGrid: {error}") from None
    tiers = {
        name: grid.getTier(name)
        for name in grid.tierNames
        if isinstance(grid.getTier(name), textgrid.IntervalTier)
    }
    if len(tiers) > 1:
        note(f"{path.name}: its tiers {quoted(tiers)} are taken as speakers")
    return [
        Turn(entry.start, entry.end, entry.label, name if len(tiers) > 1 else None)
        for name, tier in tiers.items()
        for entry in tier.entries
    ]


def _table(path: Path, note: Callable[[str], None]) -> list[Turn]:
    """The rows of a table, its columns found as those of a corpus of one's own."""
    from extract.corpora.table import read_clips

    turns = []
    for utterance in read_clips(path, note):
        if utterance.start_s is None or utterance.end_s is None:
            raise ProjectError(
                f"{path}: the utterance {utterance.id!r} has no start or end; a transcript table "
                "has a column for each, in seconds"
            )
        turns.append(Turn(utterance.start_s, utterance.end_s, utterance.text, utterance.speaker))
    return turns
