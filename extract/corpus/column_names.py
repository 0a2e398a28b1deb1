"""What the columns of a user's own table mean, guessed from their names."""

from collections.abc import Iterable, Mapping

from features.errors import ProjectError, did_you_mean, quoted

# The fields that a table may have, and what their columns are often called.
USUAL_NAMES = {
    "id": ("id", "name", "utterance_id", "utt_id", "uid", "key"),
    "text": ("text", "transcript", "transcription", "utterance", "sentence"),
    "audio": ("audio", "wav", "audio_path", "wav_path", "path", "file", "filename"),
    "video": ("video", "video_path", "mp4", "clip"),
    "start_s": ("start_s", "start", "start_time", "begin"),
    "end_s": ("end_s", "end", "end_time", "stop", "stop_time"),
    "speaker": ("speaker", "speaker_id", "spk", "subject", "actor", "participant"),
    "session": ("session", "session_id"),
    "dialogue": ("dialogue", "dialogue_id", "dialog", "conversation", "conversation_id"),
    "turn": ("turn", "turn_id"),
    "split": ("split", "part", "set", "subset", "partition"),
    "emotion": ("emotion", "label", "emo", "emotion_label", "class"),
    "sentiment": ("sentiment", "polarity"),
    "valence": ("valence", "val", "v"),
    "arousal": ("arousal", "act", "activation", "a"),
    "dominance": ("dominance", "dom", "d"),
    "phq8": ("phq8", "phq8_score", "phq_score"),
    "depression": ("depression", "depressed"),
    "causes": ("causes", "cause", "cause_ids"),
}


def columns_of(
    settings: Mapping[str, str], header: Iterable[str], file: str
) -> tuple[dict[str, str], list[str]]:
    """The column of each field: those that the settings name, and guesses for the rest.

    An empty name (``''``) in the settings says that there is no such column. Returns the columns,
    and a line for each guess. Raises ProjectError for a field or a column that does not exist.
    """
    names = list(header)
    for field, column in settings.items():
        if field not in USUAL_NAMES:
            raise ProjectError(
                f"columns names the field {field!r}; a table may have {quoted(USUAL_NAMES)}."
                + did_you_mean(field, USUAL_NAMES)
            )
        if column and column not in names:
            raise ProjectError(
                f"columns.{field} is {column!r}, and {file} has no such column; it has "
                f"{quoted(names)}.{did_you_mean(column, names)}"
            )
    columns, guesses = dict(settings), []
    taken = set(settings.values())
    by_plain_name = {
        name.strip().lower().replace(" ", "_").replace("-", "_"): name for name in names
    }
    for field, usual in USUAL_NAMES.items():
        candidates = [by_plain_name[name] for name in usual if name in by_plain_name]
        free = [name for name in candidates if name not in taken]
        if field not in columns and free:
            columns[field] = free[0]
            taken.add(free[0])
            guesses.append(f"column {free[0]!r} is taken for {field}")
    unused = [name for name in names if name not in taken]
    if unused:
        guesses.append(f"columns that are not used: {quoted(unused)}")
    return {field: column for field, column in columns.items() if column}, guesses
