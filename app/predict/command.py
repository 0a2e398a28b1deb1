"""`predict`: the answers of a trained head for new clips."""

import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from app.devices import chosen_device
from features.errors import ProjectError, quoted
from features.progress import progress

if TYPE_CHECKING:
    from app.predict.clips import Clips
    from app.predict.predictor import Prediction

WINDOW_S = 4.0
LONGEST_SPEECH_S = 15.0


def _share(_: click.Context, __: click.Parameter, value: float | None) -> float | None:
    if value is not None and not 0 < value < 1:
        raise click.BadParameter("it must be between 0 and 1, such as 0.9")
    return value


@click.command()
@click.argument("head")
@click.argument("files", nargs=-1, metavar="[FILE]...", type=click.Path(path_type=Path))
@click.option("--text", help="What is said in the clip; without FILE, text is all that is read.")
@click.option(
    "--transcript",
    type=click.Path(path_type=Path),
    help="What is said: .srt, .vtt, .TextGrid or a table, with times; or .txt, without times.",
)
@click.option("--every", type=click.FloatRange(0.01), help="Answer once per this many seconds.")
@click.option(
    "--window", type=click.FloatRange(0.01), help="With --every: seconds read for each answer (4)."
)
@click.option("--voice", is_flag=True, help="Answer once for each detected stretch of speech.")
@click.option(
    "--to",
    type=click.Path(path_type=Path),
    help="File to write: .jsonl, .csv, .parquet; for one recording also .TextGrid, .eaf, .vtt.",
)
@click.option("--each", is_flag=True, help="Also give the answer of every fold and seed.")
@click.option(
    "--coverage",
    type=float,
    callback=_share,
    help="Also give a set of classes that has the true one with this probability, e.g. 0.9.",
)
@click.option("--device", default="auto", help="auto (a GPU if there is one), cpu, cuda or cuda:N")
def predict(
    head: str,
    files: tuple[Path, ...],
    text: str | None,
    transcript: Path | None,
    every: float | None,
    window: float | None,
    voice: bool,
    to: Path | None,
    each: bool,
    coverage: float | None,
    device: str,
) -> None:
    """Predict new clips with HEAD, a trained head or the folder of a bundle.

    FILE is a clip (audio or video), a folder of clips, or a table with one row per clip, in the
    format of docs/how-to/own-corpus.md. Exit code 1 if a clip could not be read.
    """
    from app.predict.models import read_model
    from app.predict.predictor import Predictor, say_missing, say_standardised
    from app.timelines.annotations import refuse_unfit

    write = None if to is None else _writer(to)
    if window is not None and every is None:
        raise ProjectError("--window is the seconds read for each answer; give --every with it")
    model = read_model(head)
    groups = _clips(files, text, transcript, every, window or WINDOW_S, voice)
    if to is not None:
        refuse_unfit(to, groups)
    predictions: list[Prediction] = []
    with Predictor(model, chosen_device(device), coverage, each) as predictor:
        for clips in groups:
            answers, count = predictor.predict(clips), len(clips.utterances)
            predictions += progress(answers, f"{head}: predicting", count, "clips")
        say_missing(predictions, predictor.modalities, coverage is not None)
        say_standardised(predictor.standardised)
    _show(predictions, to, write)
    if any(prediction.reason != "ok" for prediction in predictions):
        sys.exit(1)


def _clips(
    files: Sequence[Path],
    text: str | None,
    transcript: Path | None,
    every: float | None,
    window: float,
    voice: bool,
) -> "list[Clips]":
    """What is to be answered for: clips as they are, or cut into stretches."""
    from app.predict.clips import clips_of
    from app.timelines.stretches import Windows, in_speech, in_turns, in_windows
    from app.timelines.transcripts import read_transcript

    turns = None if transcript is None else read_transcript(transcript, _note)
    named = {"--every": every, "--voice": voice or None, "--transcript": turns, "--text": text}
    cutting = [name for name, value in named.items() if value is not None]
    if len(cutting) > 1:
        raise ProjectError(f"{quoted(cutting)} cannot be combined; give only one")
    words = turns if isinstance(turns, str) else text
    groups = clips_of(files, words, _note)
    if every is not None:
        return [in_windows(clips, Windows(every, window)) for clips in groups]
    if voice:
        return [in_speech(clips, LONGEST_SPEECH_S, _note) for clips in groups]
    if isinstance(turns, list):
        if len(groups) != 1:
            raise ProjectError("a transcript with times belongs to one recording; give one file")
        return [in_turns(groups[0], turns)]
    return groups


def _note(line: str) -> None:
    click.echo(line, err=True)


def _writer(path: Path) -> "Callable[[Path, Sequence[Prediction]], None]":
    """What writes a file with that ending; refused before any work is done."""
    from app.predict.tables import WRITERS, require_writer, write_table
    from app.timelines.annotations import FORMATS, write_annotations

    if path.is_dir():
        raise ProjectError(f"--to is {str(path)!r}, which is a folder; give the name of a file")
    suffix = path.suffix.lower()
    if suffix in WRITERS:
        require_writer(path)
        return write_table
    if suffix in FORMATS:
        return write_annotations
    endings = [*WRITERS, ".TextGrid", ".eaf", ".vtt"]
    raise ProjectError(f"--to is {str(path)!r}; its extension must be one of {quoted(endings)}")


def _show(
    predictions: "Sequence[Prediction]",
    to: Path | None,
    write: "Callable[[Path, Sequence[Prediction]], None] | None",
) -> None:
    """Write the predictions to a file, or print a line for each."""
    from app.predict.tables import line_of, lines_of_each

    if to is None or write is None:
        for prediction in predictions:
            click.echo("\n".join([line_of(prediction), *lines_of_each(prediction)]))
        return
    write(to, predictions)
    failed = [prediction for prediction in predictions if prediction.reason != "ok"]
    for prediction in failed:
        click.echo(line_of(prediction), err=True)
    count = f"{len(predictions)} {'clip' if len(predictions) == 1 else 'clips'}"
    click.echo(f"{to}: {count}, {len(failed)} without an answer")
