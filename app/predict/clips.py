"""The clips that a command line names: media files, folders of them, tables."""

import os
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from extract.corpora.table import AUDIO_SUFFIXES, read_clips
from extract.corpus.digests import with_digests
from extract.corpus.paths import with_found_files
from extract.corpus.stretches import refuse_impossible
from features.errors import ProjectError, quoted
from features.manifest import Label, Utterance
from features.specs.tracks import CorpusSpec, LeafSpec

VIDEO_SUFFIXES = (
    *(".mp4", ".m4v", ".mov", ".mkv", ".webm", ".avi", ".mpg", ".mpeg", ".wmv", ".flv"),
    *(".3gp", ".ts", ".ogv"),
)
# Audio formats that phones send, and that a corpus is unlikely to have.
MORE_AUDIO_SUFFIXES = (".oga", ".aif", ".aiff", ".wma", ".amr", ".caf")
MEDIA_SUFFIXES = (*AUDIO_SUFFIXES, *MORE_AUDIO_SUFFIXES, *VIDEO_SUFFIXES)
TABLE_SUFFIXES = (".csv", ".tsv", ".tab", ".xlsx", ".ods", ".jsonl", ".ndjson")
# Start and end of what an answer stands for, in seconds of its recording.
Cell = tuple[float, float]


@dataclass(frozen=True)
class Clips:
    """Utterances whose paths are relative to `root`, with their places in dialogues.

    `files` names the file of each as the user did; None where it has words only. `cells` are the
    seconds of a recording that each answers for; None where it was not cut.
    """

    root: Path
    utterances: list[Utterance]
    labels: list[Label]
    files: list[str | None]
    cells: list[Cell | None]

    @classmethod
    def of(
        cls, root: Path, utterances: Sequence[Utterance], files: Sequence[str | None]
    ) -> "Clips":
        """With labels that say who speaks when, and the digests of the files."""
        spec = CorpusSpec("clips", root, LeafSpec("table", {}))
        with_files = with_digests(spec, utterances)
        return cls.of_digested(root, with_files, files, [None] * len(files))

    @classmethod
    def of_digested(
        cls,
        root: Path,
        utterances: Sequence[Utterance],
        files: Sequence[str | None],
        cells: Sequence[Cell | None],
    ) -> "Clips":
        """Of utterances whose files were digested already."""
        labels = [place_of(utterance) for utterance in utterances]
        return cls(root, list(utterances), labels, list(files), list(cells))


def place_of(utterance: Utterance) -> Label:
    """A label that says where the utterance is in its dialogue, and nothing that is predicted."""
    return Label(
        utterance.id,
        speaker=utterance.speaker,
        session=utterance.session,
        dialogue=utterance.dialogue,
        turn=utterance.turn,
    )


def clips_of(paths: Sequence[Path], text: str | None, note: Callable[[str], None]) -> list[Clips]:
    """The clips that some paths name: of each table, and all media files together.

    `text` is what is said in the only clip, or all there is to it. Raises ProjectError for a path
    that does not exist, a folder without media, and words for several clips.
    """
    absent = [str(path) for path in paths if not path.exists()]
    if absent:
        raise ProjectError(f"{quoted(absent)} does not exist; give a media file, folder or table")
    tables = [path for path in paths if path.suffix.lower() in TABLE_SUFFIXES and path.is_file()]
    files = [file for path in paths if path not in tables for file in _media_in(path)]
    if text is not None and (tables or len(files) > 1):
        raise ProjectError(
            "--text, or a transcript without times, is what is said in one clip; for several, give "
            "a table with a column of texts"
        )
    if not paths and text is None:
        raise ProjectError("nothing to predict; give a media file, a folder or a table, or --text")
    groups = [_of_table(table, note) for table in tables]
    if files:
        groups.append(_of_files(files, text))
    elif text is not None:
        groups.append(Clips.of(Path(), [Utterance("text", text=text)], [None]))
    return groups


def _media_in(path: Path) -> list[Path]:
    """The file itself, or the media files below a folder, but hidden ones."""
    if not path.is_dir():
        return [path]
    files = sorted(
        file
        for file in path.rglob("*")
        if file.suffix.lower() in MEDIA_SUFFIXES and file.is_file() and file.name[0] != "."
    )
    if not files:
        raise ProjectError(
            f"{path} has no media files ({', '.join(MEDIA_SUFFIXES[:4])}, "
            f"{', '.join(VIDEO_SUFFIXES[:4])}, ...); give a file or a table by its name"
        )
    return files


def _of_files(files: Sequence[Path], text: str | None) -> Clips:
    counts = Counter(file.stem for file in files)
    utterances = []
    for file in files:
        has_video = file.suffix.lower() not in (*AUDIO_SUFFIXES, *MORE_AUDIO_SUFFIXES)
        name = file.stem if counts[file.stem] == 1 else file.as_posix()
        path = str(file)
        utterances.append(Utterance(name, text, path, path if has_video else None))
    return _located(Path.cwd(), utterances, [str(file) for file in files])


def _of_table(table: Path, note: Callable[[str], None]) -> Clips:
    """The rows of a table, read like that of a corpus of your own, except for its labels."""
    utterances = read_clips(table, lambda line: note(f"{table.name}: {line}"))
    refuse_impossible(utterances)
    spec = CorpusSpec(table.stem, table.parent, LeafSpec("table", {}))
    utterances = with_found_files(spec, utterances)
    files = [u.audio or u.video for u in utterances]
    named = [None if file is None else str(table.parent / file) for file in files]
    return _located(table.parent, utterances, named)


def _located(root: Path, utterances: Sequence[Utterance], files: Sequence[str | None]) -> Clips:
    """The utterances with links in their paths resolved, below the folder that holds all files."""
    real = {
        path: os.path.realpath(root / path)
        for utterance in utterances
        for path in (utterance.audio, utterance.video)
        if path is not None
    }
    if not real:
        return Clips.of(root, utterances, files)
    top = Path(os.path.commonpath([Path(path).parent for path in real.values()]))
    relative = {path: Path(real[path]).relative_to(top).as_posix() for path in real}
    moved = [
        replace(
            utterance,
            audio=None if utterance.audio is None else relative[utterance.audio],
            video=None if utterance.video is None else relative[utterance.video],
        )
        for utterance in utterances
    ]
    return Clips.of(top, moved, files)
