"""A corpus of your own: a folder with a table (CSV or JSON Lines) of paths, texts and labels.

docs/own-corpus.md goes through it step by step. Paths are relative to the root. Columns are found
by their names, or by `columns: {emotion: my_column}`; every guess and every doubt is printed.
`emotions` and `sentiments` say what the labels of the table mean (``{hap: happy, xxx: ""}``, empty
for no label); with them, a label that they do not name is an error. `splits` does the same for the
splits (``{val: dev}``). A column of causes has the ids of the utterances that cause the emotion,
separated by spaces.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from extract.corpus.column_names import columns_of
from extract.corpus.own_table import Cells, read_own_table
from extract.corpus.reader import Note
from features.errors import ProjectError, did_you_mean, quoted
from features.manifest import SPLITS, Label, Utterance

AUDIO_SUFFIXES = (".wav", ".flac", ".mp3", ".ogg", ".m4a", ".aac", ".opus")
LABELS = ("emotion", "sentiment", "valence", "arousal", "dominance", "phq8", "depression", "causes")
SPLIT_NAMES: dict[str, str] = {
    "train": "train",
    "dev": "dev",
    "test": "test",
    "training": "train",
    "val": "dev",
    "valid": "dev",
    "validation": "dev",
    "development": "dev",
    "eval": "test",
    "testing": "test",
}


def read(
    root: Path,
    note: Note,
    *,
    file: str,
    columns: dict[str, str] | None = None,
    emotions: dict[str, str] | None = None,
    sentiments: dict[str, str] | None = None,
    splits: dict[str, str] | None = None,
) -> Iterator[tuple[Utterance, Label]]:
    """Every row of the table, dialogue by dialogue, in the order of the table or of its turns."""
    rows = _filled_rows(root / file, note)
    names, guesses = columns_of(columns or {}, rows[0].values, file)
    for line in guesses:
        note(line)
    _check_columns(root / file, names, note)
    classes = {"emotion": emotions, "sentiment": sentiments}
    pairs = [(_utterance(root, row, names), _label(row, names, classes, splits)) for row in rows]
    _note_classes(note, [label for _, label in pairs])
    yield from _in_order(pairs)


def _filled_rows(table: Path, note: Note) -> list[Cells]:
    rows = read_own_table(table)
    blank = [row for row in rows if not any(value.strip() for value in row.values.values())]
    filled = [row for row in rows if row not in blank]
    if blank:
        note(f"{len(blank)} rows are blank and left out, the first is line {blank[0].line}")
    if not filled:
        raise ProjectError(f"{table} has blank rows only; it must have a row for each utterance")
    return filled


def _check_columns(table: Path, columns: Mapping[str, str], note: Note) -> None:
    if not set(LABELS) & columns.keys():
        note(f"no column is taken for a label ({', '.join(LABELS)}); there is nothing to learn")
    if "speaker" not in columns:
        note("no column is taken for speaker; splits cannot keep speakers apart")
    if not {"text", "audio", "video"} & columns.keys():
        raise ProjectError(
            f"{table} has no column of texts, audio or video files; name one of its columns, "
            "columns: {audio: COLUMN}"
        )


def _utterance(root: Path, row: Cells, columns: Mapping[str, str]) -> Utterance:
    audio, video = (row.text(columns.get(medium)) for medium in ("audio", "video"))
    if (
        audio is not None
        and "video" not in columns
        and Path(audio).suffix.lower() not in AUDIO_SUFFIXES
    ):
        video = audio  # a video file has both
    name = row.text(columns.get("id")) or Path(audio or video or "").stem or f"row-{row.line}"
    turn, start_s = row.number(columns.get("turn")), row.number(columns.get("start_s"))
    end_s = row.number(columns.get("end_s"))
    if (start_s or 0.0) < 0 or (end_s is not None and end_s <= (start_s or 0.0)):
        raise ProjectError(
            f"{row.where}: it starts at {start_s} s and ends at {end_s} s; times must not be "
            "negative, and the end must be later"
        )
    if "id" not in columns and start_s is not None:
        name = f"{name}-{start_s:g}"  # several utterances of one recording
    return Utterance(
        id=name,
        text=row.text(columns.get("text")),
        audio=_relative(root, audio) or _relative(root, video),
        video=_relative(root, video),
        start_s=start_s,
        end_s=end_s,
        speaker=row.text(columns.get("speaker")),
        session=row.text(columns.get("session")),
        dialogue=row.text(columns.get("dialogue")),
        turn=None if turn is None else int(turn),
    )


def _relative(root: Path, path: str | None) -> str | None:
    """A path relative to the root, also where the table has an absolute one inside it."""
    if path is None:
        return None
    file = Path(path)
    if file.is_absolute() and file.is_relative_to(root.resolve()):
        return file.relative_to(root.resolve()).as_posix()
    return file.as_posix()


def _label(
    row: Cells,
    columns: Mapping[str, str],
    classes: Mapping[str, Mapping[str, str] | None],
    splits: Mapping[str, str] | None,
) -> Label:
    values: dict[str, Any] = {
        name: row.mapped(columns.get(name), names, f"{name}s") for name, names in classes.items()
    }
    for name in ("valence", "arousal", "dominance", "phq8"):
        values[name] = row.number(columns.get(name))
    values["depression"] = row.text(columns.get("depression"))
    if "causes" in columns:
        values["causes"] = tuple((row.text(columns["causes"]) or "").split())
    written = row.text(columns.get("split"))
    names = SPLIT_NAMES if splits is None else splits
    split = None if written is None else names.get(written, names.get(written.lower()))
    if written is not None and split not in SPLITS:
        raise ProjectError(
            f"{row.where}: {columns['split']} is {written!r}; it must be one of {quoted(names)}."
            f"{did_you_mean(written, names)} 'splits: {{{written}: test}}' says what it means"
        )
    return Label(id="", split=split, **values)  # type: ignore[arg-type]


def _note_classes(note: Note, labels: Sequence[Label]) -> None:
    """Note how often each class and split occurs, and those that differ in case alone."""
    for field in ("emotion", "sentiment", "split"):
        values = Counter(getattr(label, field) for label in labels)
        missing = values.pop(None, 0)
        if not values:
            continue
        counts = ", ".join(f"{value} {count}" for value, count in sorted(values.items()))
        note(f"{field}: {counts}" + (f"; {missing} rows have none" if missing else ""))
        spellings = Counter(value.strip().lower() for value in values)
        for value, count in spellings.items():
            if count > 1:
                note(f"{field}: {count} spellings of {value!r} count as different classes")


def _in_order(pairs: Sequence[tuple[Utterance, Label]]) -> Iterator[tuple[Utterance, Label]]:
    """The pairs dialogue by dialogue, in the order of their first rows; turns in order."""
    first_places: dict[str, int] = {}
    for place, (utterance, _) in enumerate(pairs):
        first_places.setdefault(utterance.dialogue or f"\0{place}", place)
    keys = [
        (first_places[u.dialogue or f"\0{place}"], 0 if u.turn is None else u.turn, place)
        for place, (u, _) in enumerate(pairs)
    ]
    for place in sorted(range(len(pairs)), key=lambda place: keys[place]):
        utterance, label = pairs[place]
        yield utterance, replace(label, id=utterance.id)
