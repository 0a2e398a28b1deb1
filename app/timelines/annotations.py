"""Answers along a recording as annotation files: Praat's TextGrid, ELAN's EAF, and WebVTT."""

import mimetypes
import tempfile
from collections.abc import Callable, Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

from app.predict.clips import Clips
from app.predict.predictor import Prediction
from app.predict.tables import answer_text
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
    from praatio import textgrid

    tiers, grid = _apart(tiers_of(predictions)), textgrid.Textgrid()
    end_s = max(end for tier in tiers.values() for _, end, _ in tier)
    for name, intervals in tiers.items():
        grid.addTier(textgrid.IntervalTier(name, list(intervals), 0, end_s))
    grid.save(str(path), format="long_textgrid", includeBlankSpaces=True)


def _apart(tiers: Tiers) -> Tiers:
    """Raise ProjectError where stretches of a tier overlap, which the format cannot hold."""
    for name, intervals in tiers.items():
        for (_, end, _), (start, _, _) in pairwise(intervals):
            if start < end:
                raise ProjectError(
                    f"two stretches of {name!r} overlap (one ends at {end:g} s, the next starts at "
                    f"{start:g} s), which a TextGrid cannot hold; name the speakers, or write "
                    ".eaf, .vtt or .csv"
                )
    return tiers


def _elan(predictions: Sequence[Prediction], path: Path) -> None:
    import pympi

    tiers, document = tiers_of(predictions), pympi.Eaf(author="Permafrost")
    media = Path(str(predictions[0].file)).absolute()
    kind = mimetypes.guess_type(media)[0] or "application/octet-stream"
    document.add_linked_file(media.as_uri(), mimetype=kind)
    for name, intervals in tiers.items():
        document.add_tier(name)
        for start, end, value in intervals:
            start_ms, end_ms = round(start * 1000), round(end * 1000)
            document.add_annotation(name, start_ms, max(end_ms, start_ms + 1), value)
    document.remove_tier("default")
    document.to_file(str(path))


def _webvtt(predictions: Sequence[Prediction], path: Path) -> None:
    import webvtt

    captions = webvtt.WebVTT()
    for prediction in predictions:
        if prediction.cell is None or prediction.reason != "ok":
            continue
        start, end = map(_timestamp, prediction.cell)
        lines = [answer_text(task, answer) for task, answer in prediction.answers.items()]
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


# The module and the package that each format needs.
PACKAGES = {
    ".textgrid": ("praatio", "praatio"),
    ".eaf": ("pympi", "pympi-ling"),
    ".vtt": ("webvtt", "webvtt-py"),
}


def refuse_unfit(path: Path, clips: Sequence[Clips]) -> None:
    """Raise ProjectError before any work for what an annotation file cannot hold.

    That is clips of several files, clips that are not cut into stretches, and none at all.
    """
    suffix = path.suffix.lower()
    if suffix not in FORMATS:
        return
    require_extra(f"a file that ends with {suffix}", *PACKAGES[suffix])
    files = {file for one in clips for file in one.files}
    if len(files) > 1:
        raise ProjectError(
            f"{path} can hold only one recording, not {len(files)}; give one file, or write "
            f"{quoted(('.csv', '.jsonl', '.parquet'))}"
        )
    if not files:
        raise ProjectError(f"{path}: there is nothing to write, since no speech was detected")
    if all(cell is None for one in clips for cell in one.cells):
        raise ProjectError(
            f"{path} needs answers along a recording; add --every SECONDS, --voice, or "
            "--transcript with times"
        )


def write_annotations(path: Path, predictions: Sequence[Prediction]) -> None:
    """Write the answers for one recording, whole or not at all.

    Raises ProjectError where there is no answer.
    """
    if not tiers_of(predictions):
        raise ProjectError(f"{path}: no stretch of {predictions[0].file} has an answer")
    with tempfile.TemporaryDirectory() as folder:
        draft = Path(folder) / f"draft{path.suffix}"
        FORMATS[path.suffix.lower()](predictions, draft)
        write_atomic(path, draft.read_bytes())
