"""What the columns of a user's own table mean: as the settings say, or guessed from their names."""

import string
from collections.abc import Callable, Iterable, Mapping

from features.errors import ProjectError, did_you_mean, quoted
from features.tables.scales import scale_of
from features.tables.table import Table

# The fields that a table may have, and what their columns are often called.
USUAL_NAMES = {
    "id": ("id", "name", "utterance_id", "utt_id", "uid", "key"),
    "text": ("text", "transcript", "transcription", "utterance", "sentence"),
    "audio": ("audio", "wav", "audio_path", "wav_path", "path", "file", "filename"),
    "video": ("video", "video_path", "mp4", "clip"),
    "audio_channel": ("audio_channel",),
    "start_s": ("start_s", "start", "start_time", "begin"),
    "end_s": ("end_s", "end", "end_time", "stop", "stop_time"),
    "speaker": ("speaker", "speaker_id", "spk", "subject", "actor", "participant"),
    "session": ("session", "session_id"),
    "dialogue": ("dialogue", "dialogue_id", "dialog", "conversation", "conversation_id"),
    "turn": ("turn", "turn_id"),
    "split": ("split", "part", "set", "subset", "partition", "mode"),
    "emotion": ("emotion", "label", "emo", "emotion_label", "class"),
    "sentiment": ("sentiment", "polarity"),
    "valence": ("valence", "val", "v"),
    "arousal": ("arousal", "act", "activation", "a"),
    "dominance": ("dominance", "dom", "d"),
    "phq8": ("phq8", "phq8_score", "phq_score"),
    "depression": ("depression", "depressed"),
    "causes": ("causes", "cause", "cause_ids"),
}
CLASSES = ("emotion", "sentiment")
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


def columns_of(
    settings: Mapping[str, str], table: Table, mapped: Iterable[str], note: Callable[[str], None]
) -> dict[str, str]:
    """The column of each field: those that the settings name, and guesses for the rest.

    An empty name (``''``) in the settings says that there is no such column. A name with
    columns in braces (``Raw/{video}/{clip}.mp4``) joins their cells, and is itself added to the
    rows as a column. `mapped` are the fields whose labels the settings translate: their columns
    may be numbers, which otherwise are not classes. Notes each guess. Raises ProjectError for a
    field or a column that does not exist, and for a column of numbers that is named for classes.
    """
    columns = {field: column.strip() for field, column in settings.items()}
    for field, column in columns.items():
        if field not in USUAL_NAMES:
            raise ProjectError(
                f"columns names the field {field!r}; a table may have {quoted(USUAL_NAMES)}."
                + did_you_mean(field, USUAL_NAMES)
            )
        if column and column not in table.columns:
            _put_together(table, field, column)
        if field in CLASSES and field not in mapped and column:
            _refuse_scale(table, field, column)
    guesses = _guessed(columns, table, set(mapped), note)
    for field, column in guesses.items():
        note(f"column {column!r} is used as {field}")
    columns = {**columns, **guesses}
    used = set(columns.values()) | {name for c in columns.values() for name in _fields(c)}
    unused = [name for name in table.columns if name not in used]
    if unused:
        note(f"columns that are not used: {quoted(unused)}")
    return {field: column for field, column in columns.items() if column}


def _guessed(
    columns: Mapping[str, str], table: Table, mapped: set[str], note: Callable[[str], None]
) -> dict[str, str]:
    """A column for each field that the settings do not name, where one has a usual name for it."""
    by_plain_name = {
        name.lower().replace(" ", "_").replace("-", "_"): name for name in table.columns
    }
    taken = set(columns.values())
    guesses: dict[str, str] = {}
    for field, usual in USUAL_NAMES.items():
        names = [by_plain_name[name] for name in usual if name in by_plain_name]
        for name in names if field not in columns else ():
            if name not in taken and _fits(field, name, table, mapped, note):
                guesses[field] = name
                taken.add(name)
                break
    return guesses


def _fits(
    field: str, column: str, table: Table, mapped: set[str], note: Callable[[str], None]
) -> bool:
    """Whether a column's values are what a guess needs."""
    if field == "split" and column.lower() == "mode" and field not in mapped:
        values = {row.trimmed(column) for row in table.rows} - {None}
        return bool(values) and {str(value).lower() for value in values} <= SPLIT_NAMES.keys()
    scale = scale_of(table, column) if field in CLASSES and field not in mapped else None
    if scale is not None:
        note(
            f"column {column!r} is not used as {field}: {scale}, which are not classes. "
            f"'columns: {{valence: {column}}}' predicts such numbers"
        )
    return scale is None


def _refuse_scale(table: Table, field: str, column: str) -> None:
    scale = scale_of(table, column)
    if scale is not None:
        raise ProjectError(
            f"{table.path}: columns.{field} is {column!r}, and {scale}, which are not classes. "
            f"'columns: {{valence: {column}}}' predicts such numbers; '{field}s: {{...}}' says "
            "which class each stands for"
        )


def _fields(column: str) -> list[str]:
    """The columns that a name has in braces."""
    try:
        pieces = list(string.Formatter().parse(column))
    except ValueError:
        return []
    if any(form or conversion for _, _, form, conversion in pieces):
        return []
    return [name for _, name, _, _ in pieces if name is not None]


def _put_together(table: Table, field: str, column: str) -> None:
    """Add a column whose cells are joined from other columns; empty where one of them is empty."""
    names = _fields(column)
    for name in names or [column]:
        if name not in table.columns:
            which = f"column {name!r}" if names else "such column"
            raise ProjectError(
                f"columns.{field} is {column!r}, and {table.path.name} has no {which}; it has "
                f"{quoted(table.columns)}.{did_you_mean(name, table.columns)}"
            )
    for row in table.rows:
        cells = {name: row.trimmed(name) for name in names}
        row.add(column, column.format_map(cells) if all(cells.values()) else "")
