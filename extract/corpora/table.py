"""A corpus of your own: a folder with a table of paths, texts and labels.

The table may be delimited text, a spreadsheet or JSON Lines. docs/how-to/own-corpus.md goes
through it step by step. Paths are relative to the root. Columns are found by their names, or by
`columns: {emotion: my_column}`, which may join several (``{audio: "{video}/{clip}.mp4"}``); every
guess and everything doubtful is printed. `emotions` and `sentiments` say what the labels of the
table mean (``{hap: happy, xxx: ""}``, empty for no label); with them, a label that they do not
name is an error. `splits` does the same for the splits (``{val: dev}``). `votes` are the
annotators' votes for emotions: the column that counts those of each class (``{angry: votes_angry,
happy: votes_happy}``), or one column with the labels of all annotators (``angry;angry;sad``).
Without a column of emotions the emotion is the class with the most votes; a tie leaves the
utterance without one. A column of causes has the ids of the utterances that cause the emotion,
separated by blanks, or a list of them in JSON.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from extract.corpora._own_table import doubts, path_of, refuse_equal_ids, refuse_half_numbered
from extract.corpora._own_votes import check_vote_columns, with_votes
from extract.corpus.column_names import SPLIT_NAMES, columns_of
from extract.corpus.paths import FileFinder
from extract.corpus.reader import Note
from features.errors import ProjectError, did_you_mean, quoted
from features.manifest import SPLITS, Label, Utterance
from features.tables.row import Row
from features.tables.table import Table, read_table

AUDIO_SUFFIXES = (".wav", ".flac", ".mp3", ".ogg", ".m4a", ".aac", ".opus")
LABELS = ("emotion", "sentiment", "valence", "arousal", "dominance", "phq8", "depression", "causes")


def read(
    root: Path,
    note: Note,
    *,
    file: str,
    columns: dict[str, str] | None = None,
    emotions: dict[str, str] | None = None,
    sentiments: dict[str, str] | None = None,
    splits: dict[str, str] | None = None,
    votes: dict[str, str] | str | None = None,
) -> Iterator[tuple[Utterance, Label]]:
    """Every row of the table, dialogue by dialogue, in the order of the table or of its turns."""
    table = read_table(root / FileFinder(root).find(file), "the table of the corpus", note)
    if not table.rows:
        raise ProjectError(f"{table.path} has no rows; it must have one for each utterance")
    classes = {"emotion": emotions, "sentiment": sentiments}
    translated = {**classes, "split": splits}
    mapped = [field for field, names in translated.items() if names is not None]
    fields = columns_of(columns or {}, table, mapped, note)
    check_vote_columns(table, votes)
    _check_columns(table, fields, note, votes is not None)
    for line in doubts(root, table, fields):
        note(line)
    # Counted as in a spreadsheet, whose first row is the header, in every format.
    utterances = [_utterance(root, row, fields, n) for n, row in enumerate(table.rows, 2)]
    refuse_equal_ids(table, fields, utterances)
    refuse_half_numbered(table, fields)
    rows, labels = table.rows[::-1], list[Label]()
    by_majority = "emotion" not in fields
    table.rows.clear()
    for utterance in utterances:  # a row is freed once its label is made: there may be millions
        row = rows.pop()
        label = _label(utterance.id, row, fields, classes, splits)
        labels.append(
            label if votes is None else with_votes(label, row, votes, emotions, by_majority)
        )
    for place in _order(utterances):
        yield utterances[place], labels[place]


def read_clips(path: Path, note: Note) -> list[Utterance]:
    """The rows of a table as utterances without labels, for predictions, in the order of `read`.

    Columns of labels and splits are ignored. Ids that occur more than once have the number of their
    row appended. Raises ProjectError as `read` does.
    """
    table = read_table(path, "a table of clips", note)
    if not table.rows:
        raise ProjectError(f"{path} has no rows; it must have one for each clip")
    fields = columns_of(dict.fromkeys((*LABELS, "split"), ""), table, (), note)
    _require_sources(table, fields)
    for line in doubts(path.parent, table, fields):
        note(line)
    refuse_half_numbered(table, fields)
    rows = enumerate(table.rows, 2)
    utterances = [_utterance(path.parent, row, fields, number) for number, row in rows]
    counts = Counter(utterance.id for utterance in utterances)
    utterances = [
        utterance if counts[utterance.id] == 1 else replace(utterance, id=f"{utterance.id}-row-{n}")
        for n, utterance in enumerate(utterances, 2)
    ]
    return [utterances[place] for place in _order(utterances)]


def _require_sources(table: Table, columns: Mapping[str, str]) -> None:
    if not {"text", "audio", "video"} & columns.keys():
        raise ProjectError(
            f"{table.path} has no column of texts, audio or video files; it has "
            f"{quoted(table.columns)}. Call one of them 'audio', 'video' or 'text', or name it in "
            "params.yaml, columns: {audio: COLUMN}"
        )


def _check_columns(table: Table, columns: Mapping[str, str], note: Note, has_votes: bool) -> None:
    if not set(LABELS) & columns.keys() and not has_votes:
        note(f"no column is used as a label ({', '.join(LABELS)}); there is nothing to learn")
    if "speaker" not in columns:
        note("no column is used as speaker; splits cannot keep speakers apart")
    media = [columns[field] for field in ("audio", "video") if field in columns]
    _require_sources(table, columns)
    if "id" not in columns:
        origin = f"the names of the files in {media[0]!r}" if media else "the numbers of the rows"
        note(f"no column is used as id; ids are {origin}. 'columns: {{id: COLUMN}}' names one")


def _utterance(root: Path, row: Row, columns: Mapping[str, str], number: int) -> Utterance:
    audio, video = (path_of(root, row.trimmed(columns.get(field))) for field in ("audio", "video"))
    if (
        audio is not None
        and "video" not in columns
        and Path(audio).suffix.lower() not in AUDIO_SUFFIXES
    ):
        video = audio  # a video file has both
    name = row.trimmed(columns.get("id")) or Path(audio or video or "").stem or f"row-{number}"
    start_s, end_s = (row.optional_number(columns.get(field)) for field in ("start_s", "end_s"))
    if (start_s or 0.0) < 0 or (end_s is not None and end_s <= (start_s or 0.0)):
        raise ProjectError(
            f"{row.where}: it starts at {start_s} s and ends at {end_s} s; times must not be "
            "negative, and the end must be later"
        )
    if "id" not in columns and start_s is not None:
        name = f"{name}-{start_s:g}"  # several utterances of one recording
    channel = row.optional_integer(columns.get("audio_channel"))
    if channel is not None and channel < 0:
        row.refuse(columns["audio_channel"], "the number of a channel, from 0")
    return Utterance(
        id=name,
        text=row.trimmed(columns.get("text")),
        audio=audio or video,
        video=video,
        start_s=start_s,
        end_s=end_s,
        audio_channel=channel,
        speaker=row.trimmed(columns.get("speaker")),
        session=row.trimmed(columns.get("session")),
        dialogue=row.trimmed(columns.get("dialogue")),
        turn=row.optional_integer(columns.get("turn")),
    )


def _label(
    utterance_id: str,
    row: Row,
    columns: Mapping[str, str],
    classes: Mapping[str, Mapping[str, str] | None],
    splits: Mapping[str, str] | None,
) -> Label:
    values: dict[str, Any] = {
        name: row.mapped(columns.get(name), names, f"{name}s") for name, names in classes.items()
    }
    for name in ("valence", "arousal", "dominance", "phq8"):
        values[name] = row.optional_number(columns.get(name))
    values["depression"] = row.trimmed(columns.get("depression"))
    if "causes" in columns:
        values["causes"] = row.words(columns["causes"])
    written = row.trimmed(columns.get("split"))
    names = SPLIT_NAMES if splits is None else splits
    split = None if written is None else names.get(written, names.get(written.lower()))
    if written is not None and split not in SPLITS:
        raise ProjectError(
            f"{row.where}: {columns['split']} is {written!r}; it must be one of {quoted(names)}."
            f"{did_you_mean(written, names)} 'splits: {{{written}: test}}' says what it means"
        )
    return Label(id=utterance_id, split=split, **values)  # type: ignore[arg-type]


def _order(utterances: Sequence[Utterance]) -> list[int]:
    """The places of the utterances dialogue by dialogue, by their first rows; turns in order."""
    first_places: dict[str, int] = {}
    for place, utterance in enumerate(utterances):
        if utterance.dialogue is not None:
            first_places.setdefault(utterance.dialogue, place)

    def key(place: int) -> tuple[int, int]:
        dialogue, turn = utterances[place].dialogue, utterances[place].turn
        return (place if dialogue is None else first_places[dialogue], turn or 0)

    return sorted(range(len(utterances)), key=key)
