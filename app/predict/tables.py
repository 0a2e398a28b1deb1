"""Predictions as JSON Lines, CSV, Parquet, and as lines for a terminal."""

import json
import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from app.predict.predictor import Prediction
from features.extras import require_extra
from features.files import write_atomic, write_stream
from features.runs.csv_files import csv_table

NUM_SHOWN = 3


def record_of(prediction: Prediction) -> dict[str, Any]:
    """A prediction as plain JSON: one key for each task, or a ``reason`` in their place."""
    utterance = prediction.utterance
    # Names of files are bytes, which need not be text.
    names = [None if n is None else _as_text(n) for n in (prediction.file, utterance.id)]
    record: dict[str, Any] = dict(zip(("file", "id"), names, strict=True))
    for name in ("start_s", "end_s", "text", "speaker", "dialogue", "turn"):
        if (value := getattr(utterance, name)) is not None:
            record[name] = value
    if prediction.cell is not None:
        window = {"window_start_s": record["start_s"], "window_end_s": record["end_s"]}
        record["start_s"], record["end_s"] = (round(time_s, 6) for time_s in prediction.cell)
        record |= window
    if prediction.reason != "ok":
        return {**record, "reason": prediction.reason, "detail": prediction.detail}
    record |= prediction.answers
    if prediction.missing:
        record["missing"] = list(prediction.missing)
    if prediction.each:
        record["each"] = list(prediction.each)
    return record


def _as_text(name: str) -> str:
    return os.fsencode(name).decode(errors="replace")


def flat(record: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """A record as cells by column: ``emotion``, ``emotion_joy``, ``vad_valence``, ...

    Single heads are numbered from 1: ``each_1_emotion``. Lists are words with blanks between them.
    """
    cells: dict[str, Any] = {}
    for name, value in record.items():
        column = f"{prefix}{name}"
        if isinstance(value, Mapping):
            own = dict(value)
            if "label" in own:
                cells[column] = own.pop("label")
            own |= own.pop("probabilities", {})
            cells |= flat(own, f"{column}_")
        elif isinstance(value, list) and value and isinstance(value[0], Mapping):
            for number, one in enumerate(value, 1):
                cells |= flat(one, f"{column}_{number}_")
        else:
            cells[column] = " ".join(map(str, value)) if isinstance(value, list) else value
    return cells


def _write_jsonl(path: Path, records: Sequence[Mapping[str, Any]]) -> None:
    lines = (json.dumps(record, ensure_ascii=False).encode() + b"\n" for record in records)
    write_stream(path, lines)


def _write_csv(path: Path, records: Sequence[Mapping[str, Any]]) -> None:
    rows = [flat(record) for record in records]
    columns = list(dict.fromkeys(name for row in rows for name in row))
    write_atomic(path, csv_table(rows, columns or ["file", "id"]))


def _write_parquet(path: Path, records: Sequence[Mapping[str, Any]]) -> None:
    import pandas

    frame = pandas.DataFrame([flat(record) for record in records])
    write_atomic(path, frame.to_parquet(index=False))


WRITERS: dict[str, Callable[[Path, Sequence[Mapping[str, Any]]], None]] = {
    ".jsonl": _write_jsonl,
    ".csv": _write_csv,
    ".parquet": _write_parquet,
}


def require_writer(path: Path) -> None:
    """Raise ProjectError where a package is missing that a file of this ending needs."""
    if path.suffix.lower() == ".parquet":
        require_extra("a Parquet file", "pyarrow", "pyarrow")


def write_table(path: Path, predictions: Sequence[Prediction]) -> None:
    """Write them in the format that the file's ending says; whole or not at all."""
    WRITERS[path.suffix.lower()](path, [record_of(prediction) for prediction in predictions])


def line_of(prediction: Prediction) -> str:
    """A prediction as a person reads it in a terminal."""
    utterance = prediction.utterance
    name = _as_text(prediction.file or utterance.id)
    start_s, end_s = prediction.cell or (utterance.start_s, utterance.end_s)
    if start_s is not None or end_s is not None:
        name = f"{name} {start_s or 0:g}-{'' if end_s is None else f'{end_s:g}'} s"
    if prediction.reason != "ok":
        return f"{name}: {prediction.reason}: {prediction.detail}"
    return f"{name}: {'; '.join(answer_text(task, a) for task, a in prediction.answers.items())}"


def lines_of_each(prediction: Prediction) -> list[str]:
    """What every single head says, a line each."""
    lines = []
    for one in prediction.each:
        answers = {name: own for name, own in one.items() if name not in ("fold", "seed")}
        said = "; ".join(answer_text(task, answer) for task, answer in answers.items())
        lines.append(f"    {one['fold']}, seed {one['seed']}: {said}")
    return lines


def answer_text(task: str, answer: Mapping[str, Any]) -> str:
    """An answer in words: the likeliest classes, or the numbers."""
    if "probabilities" in answer:
        best = sorted(answer["probabilities"].items(), key=lambda item: -item[1])[:NUM_SHOWN]
        shares = ", ".join(f"{name} {share:.2f}" for name, share in best)
        among = f", one of {{{', '.join(answer['set'])}}}" if "set" in answer else ""
        return f"{task} {shares}{among}"
    if "causes" in answer:
        return f"{task} {answer['label'] or 'none'} ({', '.join(answer['causes'])})"
    return ", ".join(f"{name} {value:.2f}" for name, value in answer.items())
