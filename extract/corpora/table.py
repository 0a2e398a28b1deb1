"""A corpus of one's own: a folder with a table (CSV or JSON Lines) of paths, texts and labels.

docs/own-corpus.md goes through it step by step. Paths are relative to the root. Columns are found
by their names, or by `columns: {emotion: my_column}`; what was guessed is printed, and everything
doubtful is named. `emotions` and `sentiments` say what the labels of the table mean (``{hap:
happy, xxx: ""}``, empty for no label); with them, a label that they do not name is an error.
`splits` does the same for the parts (``{val: dev}``). A column of causes names, with blanks between
them, the ids of the utterances that cause the emotion.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from extract.corpus.column_names import columns_of
from extract.corpus.notes import Note
from extract.corpus.own_table import Cells, read_own_table
from features.errors import ProjectError, did_you_mean, quoted
from features.manifest import SPLITS, Label, Utterance

SOUNDS = (".wav", ".flac", ".mp3", ".ogg", ".m4a", ".aac", ".opus")
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
    rows = read_own_table(root / file)
    blank = [row for row in rows if not any(value.strip() for value in row.values.values())]
    rows = [row for row in rows if row not in blank]
    if blank:
        note(f"{len(blank)} rows are blank and left out, the first is line {blank[0].line}")
    if not rows:
        raise ProjectError(f"{root / file} has no rows but blank ones")
    found, guessed = columns_of(columns or {}, rows[0].values, file)
    for line in guessed:
        note(line)
    if not set(LABELS) & found.keys():
        note(f"no column is taken for a label ({', '.join(LABELS)}); there is nothing to learn")
    if "speaker" not in found:
        note("no column is taken for speaker; parts cannot be kept apart by who speaks")
    if not {"text", "audio", "video"} & found.keys():
        raise ProjectError(
            f"{root / file} names neither texts nor audio nor video; say which column does, "
            "columns: {audio: COLUMN}"
        )
    pairs = [
        (
            _utterance(root, row, found),
            _label(row, found, {"emotion": emotions, "sentiment": sentiments}, splits),
        )
        for row in rows
    ]
    _tell_doubts(note, [label for _, label in pairs])
    yield from _in_order(pairs)


def _utterance(root: Path, row: Cells, columns: Mapping[str, str]) -> Utterance:
    audio, video = (row.text(columns.get(medium)) for medium in ("audio", "video"))
    if audio is not None and "video" not in columns and Path(audio).suffix.lower() not in SOUNDS:
        video = audio  # a film has both
    name = row.text(columns.get("id")) or Path(audio or video or "").stem or f"row-{row.line}"
    turn, start_s = row.number(columns.get("turn")), row.number(columns.get("start_s"))
    end_s = row.number(columns.get("end_s"))
    if (start_s or 0.0) < 0 or (end_s is not None and end_s <= (start_s or 0.0)):
        raise ProjectError(
            f"{row.where}: it begins at {start_s} s and ends at {end_s} s; the end must be later"
        )
    if "id" not in columns and start_s is not None:
        name = f"{name}-{start_s:g}"  # several stretches of one recording
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
    """A path below the root, also where the table names it from elsewhere."""
    if path is None:
        return None
    given = Path(path)
    if given.is_absolute() and given.is_relative_to(root.resolve()):
        return given.relative_to(root.resolve()).as_posix()
    return given.as_posix()


def _label(
    row: Cells,
    columns: Mapping[str, str],
    classes: Mapping[str, Mapping[str, str] | None],
    splits: Mapping[str, str] | None,
) -> Label:
    values: dict[str, Any] = {
        name: row.mapped(columns.get(name), known, f"{name}s") for name, known in classes.items()
    }
    for name in ("valence", "arousal", "dominance", "phq8"):
        values[name] = row.number(columns.get(name))
    values["depression"] = row.text(columns.get("depression"))
    if "causes" in columns:
        values["causes"] = tuple((row.text(columns["causes"]) or "").split())
    written = row.text(columns.get("split"))
    known = SPLIT_NAMES if splits is None else splits
    split = None if written is None else known.get(written, known.get(written.lower()))
    if written is not None and split not in SPLITS:
        raise ProjectError(
            f"{row.where}: {columns['split']} is {written!r}; known are {quoted(known)}."
            f"{did_you_mean(written, known)} 'splits: {{{written}: test}}' says what it means"
        )
    return Label(id="", split=split, **values)  # type: ignore[arg-type]


def _tell_doubts(note: Note, labels: Sequence[Label]) -> None:
    for field in ("emotion", "sentiment", "split"):
        values = Counter(getattr(label, field) for label in labels)
        lacking = values.pop(None, 0)
        if not values:
            continue
        told = ", ".join(f"{value} {count}" for value, count in sorted(values.items()))
        note(f"{field}: {told}" + (f"; {lacking} rows have none" if lacking else ""))
        alike = Counter(value.strip().lower() for value in values)
        for value, count in alike.items():
            if count > 1:
                note(f"{field}: {count} ways of writing {value!r} count as different classes")


def _in_order(pairs: Sequence[tuple[Utterance, Label]]) -> Iterator[tuple[Utterance, Label]]:
    """Dialogues together, each where it begins, its turns in their order."""
    begins: dict[str, int] = {}
    for place, (utterance, _) in enumerate(pairs):
        begins.setdefault(utterance.dialogue or f"\0{place}", place)
    keys = [
        (begins[u.dialogue or f"\0{place}"], 0 if u.turn is None else u.turn, place)
        for place, (u, _) in enumerate(pairs)
    ]
    for place in sorted(range(len(pairs)), key=lambda place: keys[place]):
        utterance, label = pairs[place]
        yield utterance, replace(label, id=utterance.id)
