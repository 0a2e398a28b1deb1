"""Answers along a recording as annotation files: Praat's TextGrid, ELAN's EAF, and WebVTT."""

import mimetypes
import tempfile
from collections.abc import Callable, Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

from app.predict.predictor import Prediction
from app.predict.tables import told
from features.errors import ProjectError, quoted
from features.extras import require_extra
from features.files import write_atomic

# Start and end in seconds, and what is written there.
Interval = tuple[float, float, str]
Tiers = Mapping[str, Sequence[Interval]]


def tiers_of(predictions: Sequence[Prediction]) -> dict[str, list[Interval]]:
    """Per task the label (or the number) of each stretch, and how probable it is, by speaker."""
    tiers: dict[str, list[Interval]] = {}
    for prediction in predictions:
        if prediction.cell is None or prediction.reason != "ok":
            continue
        who = prediction.utterance.speaker
        for name, value in _values(prediction.answers):
            tier = name if who is None else f"{name} ({who})"
            tiers.setdefault(tier, []).append((*prediction.cell, value))
    return tiers


def _values(answers: Mapping[str, Any]) -> list[tuple[str, str]]:
    values = []
    for task, answer in answers.items():
        if "probabilities" in answer:
            values.append((task, str(answer["label"])))
            values.append(
                (f"{task} probability", f"{answer['probabilities'][answer['label']]:.3f}")
            )
        elif "causes" in answer:
            values.append((task, " ".join([str(answer["label"] or ""), *answer["causes"]])))
        else:
            values += [(name, f"{number:.3f}") for name, number in answer.items()]
    return values


def _textgrid(predictions: Sequence[Prediction], path: Path) -> None:
    require_extra("a TextGrid", "praatio", "praatio")
    from praatio import textgrid

    tiers, grid = _apart(tiers_of(predictions), path), textgrid.Textgrid()
    end_s = max(end for tier in tiers.values() for _, end, _ in tier)
    for name, intervals in tiers.items():
        grid.addTier(textgrid.IntervalTier(name, list(intervals), 0, end_s))
    grid.save(str(path), format="long_textgrid", includeBlankSpaces=True)


def _apart(tiers: Tiers, path: Path) -> Tiers:
    """Raise ProjectError where stretches of a tier overlap, which the format cannot hold."""
    for name, intervals in tiers.items():
        for (_, end, _), (start, _, _) in pairwise(intervals):
            if start < end:
                raise ProjectError(
                    f"{path}: two stretches of {name!r} overlap ({end:g} s and {start:g} s), which "
                    "a TextGrid cannot hold; name their speakers, or write .eaf, .vtt or .csv"
                )
    return tiers


def _elan(predictions: Sequence[Prediction], path: Path) -> None:
    require_extra("an EAF file", "pympi", "pympi-ling")
    import pympi

    tiers, document = tiers_of(predictions), pympi.Eaf(author="Permafrost")
    media = Path(str(predictions[0].file)).absolute()
    kind = mimetypes.guess_type(media)[0] or "application/octet-stream"
    document.add_linked_file(media.as_uri(), mimetype=kind)
    for name, intervals in tiers.items():
        document.add_tier(name)
        for start, end, value in intervals:
            document.add_annotation(name, round(start * 1000), round(end * 1000), value)
    document.remove_tier("default")
    document.to_file(str(path))


def _webvtt(predictions: Sequence[Prediction], path: Path) -> None:
    require_extra("WebVTT", "webvtt", "webvtt-py")
    import webvtt

    captions = webvtt.WebVTT()
    for prediction in predictions:
        if prediction.cell is None or prediction.reason != "ok":
            continue
        start, end = map(_timestamp, prediction.cell)
        lines = [told(task, answer) for task, answer in prediction.answers.items()]
        captions.captions.append(webvtt.Caption(start, end, lines))
    captions.save(str(path))


def _timestamp(time_s: float) -> str:
    milliseconds = round(time_s * 1000)
    minutes, rest = divmod(milliseconds, 60_000)
    return f"{minutes // 60:02d}:{minutes % 60:02d}:{rest // 1000:02d}.{rest % 1000:03d}"


FORMATS: dict[str, Callable[[Sequence[Prediction], Path], None]] = {
    ".textgrid": _textgrid,
    ".eaf": _elan,
    ".vtt": _webvtt,
}


def write_annotations(path: Path, predictions: Sequence[Prediction]) -> None:
    """Write the answers for one recording, whole or not at all.

    Raises ProjectError for clips of several files, for those that were not cut, and where there is
    no answer.
    """
    files = {prediction.file for prediction in predictions}
    if len(files) > 1:
        raise ProjectError(
            f"{path} is of one recording, and there are {len(files)}; give one file, or write "
            f"{quoted(('.csv', '.jsonl', '.parquet'))}"
        )
    if all(prediction.cell is None for prediction in predictions):
        raise ProjectError(
            f"{path} needs answers along a recording; add --every SECONDS, --voice, or "
            "--transcript with times"
        )
    if not tiers_of(predictions):
        raise ProjectError(f"{path}: no stretch of {files.pop()} has an answer")
    with tempfile.TemporaryDirectory() as folder:
        draft = Path(folder) / f"draft{path.suffix}"
        FORMATS[path.suffix.lower()](predictions, draft)
        write_atomic(path, draft.read_bytes())
