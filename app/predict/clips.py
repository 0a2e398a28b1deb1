"""The clips that a command line names: media files, folders of them, tables."""

import os
import re
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from extract.corpora.table import AUDIO_SUFFIXES, LABELS
from extract.corpus.digests import with_digests
from extract.corpus.read import read_corpus
from features.errors import ProjectError, quoted
from features.manifest import Label, Utterance
from features.specs.tracks import CorpusSpec, LeafSpec

VIDEO_SUFFIXES = (
    *(".mp4", ".m4v", ".mov", ".mkv", ".webm", ".avi", ".mpg", ".mpeg", ".wmv", ".flv"),
    *(".3gp", ".ts", ".ogv"),
)
# Audio files that no corpus of one's own is likely to have, and phones send.
MORE_AUDIO_SUFFIXES = (".oga", ".aif", ".aiff", ".wma", ".amr", ".caf")
MEDIA_SUFFIXES = (*AUDIO_SUFFIXES, *MORE_AUDIO_SUFFIXES, *VIDEO_SUFFIXES)
TABLE_SUFFIXES = (".csv", ".tsv", ".tab", ".xlsx", ".ods", ".jsonl", ".ndjson")
# Notes on labels, which are not looked at.
LABEL_NOTE = re.compile(
    rf"column '.*' is taken for (split|{'|'.join(LABELS)})$|(emotion|sentiment|split): "
)
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
        return cls.with_digests_known(root, with_files, files, [None] * len(files))

    @classmethod
    def with_digests_known(
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
            "--text is what is said in one clip; for several, give a table with a column of texts"
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
    """The file itself, or the media files below a folder."""
    if not path.is_dir():
        return [path]
    files = sorted(p for p in path.rglob("*") if p.suffix.lower() in MEDIA_SUFFIXES and p.is_file())
    if not files:
        raise ProjectError(
            f"{path} has no media files ({', '.join(MEDIA_SUFFIXES[:4])}, "
            f"{', '.join(VIDEO_SUFFIXES[:4])}, ...); give a file or a table by its name"
        )
    return files


def _of_files(files: Sequence[Path], text: str | None) -> Clips:
    root = Path(os.path.commonpath([file.absolute().parent for file in files]))
    counts = Counter(file.stem for file in files)
    utterances = []
    for file in files:
        relative = file.absolute().relative_to(root).as_posix()
        has_video = file.suffix.lower() not in (*AUDIO_SUFFIXES, *MORE_AUDIO_SUFFIXES)
        name = file.stem if counts[file.stem] == 1 else relative
        utterances.append(Utterance(name, text, relative, relative if has_video else None))
    return Clips.of(root, utterances, [str(file) for file in files])


def _of_table(table: Path, note: Callable[[str], None]) -> Clips:
    """The rows of a table, read as a corpus of one's own is; its labels are not looked at."""
    spec = CorpusSpec(table.stem, table.parent, LeafSpec("table", {"file": table.name}))
    corpus = read_corpus(replace(spec, duplicates="allowed"))
    for line in corpus.notes:
        if not LABEL_NOTE.match(line):
            note(f"{table.name}: {line}")
    files = [u.audio or u.video for u in corpus.utterances]
    named = [None if file is None else str(table.parent / file) for file in files]
    cells: list[Cell | None] = [None] * len(named)
    return Clips.with_digests_known(table.parent, corpus.utterances, named, cells)
