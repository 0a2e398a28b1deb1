"""`predict`: the answers of a trained head for new clips."""

import sys
from pathlib import Path

import click

from app.devices import chosen_device
from features.progress import progress


def _share(_: click.Context, __: click.Parameter, value: float | None) -> float | None:
    if value is not None and not 0 < value < 1:
        raise click.BadParameter("it must be between 0 and 1, such as 0.9")
    return value


@click.command()
@click.argument("head")
@click.argument("files", nargs=-1, metavar="[FILE]...", type=click.Path(path_type=Path))
@click.option("--text", help="What is said in the clip; alone, for a head that reads text.")
@click.option("--to", type=click.Path(path_type=Path), help="Write .jsonl, .csv or .parquet.")
@click.option("--each", is_flag=True, help="Also the answer of every fold and seed.")
@click.option(
    "--coverage",
    type=float,
    callback=_share,
    help="Also the set of classes that holds the true one this often, such as 0.9.",
)
@click.option("--device", default="auto", help="auto (a GPU if there is one), cpu, cuda or cuda:N")
def predict(
    head: str,
    files: tuple[Path, ...],
    text: str | None,
    to: Path | None,
    each: bool,
    coverage: float | None,
    device: str,
) -> None:
    """Answer for new clips with the trained HEAD, or with a bundle.

    FILE is a clip (audio or video), a folder of clips, or a table with a row for each, as the
    reader `table` takes it. Exits with 1 where a clip could not be read.
    """
    from app.predict.clips import clips_of
    from app.predict.models import read_model
    from app.predict.predictor import Prediction, Predictor, say_missing
    from app.predict.tables import line_of, refuse_other_endings, write_predictions

    if to is not None:
        refuse_other_endings(to)
    model = read_model(head)
    groups = clips_of(files, text, lambda line: click.echo(line, err=True))
    predictions: list[Prediction] = []
    with Predictor(model, chosen_device(device), coverage, each) as predictor:
        for clips in groups:
            found = predictor.predict(clips)
            predictions += progress(found, f"{head}: predicting", len(clips.utterances), "clips")
        say_missing(predictions, predictor.modalities)
    if to is None:
        for prediction in predictions:
            click.echo(line_of(prediction))
    else:
        write_predictions(to, predictions)
        failed = [prediction for prediction in predictions if prediction.reason != "ok"]
        for prediction in failed:
            click.echo(line_of(prediction), err=True)
        click.echo(f"{to}: {len(predictions)} clips, {len(failed)} without an answer")
    if any(prediction.reason != "ok" for prediction in predictions):
        sys.exit(1)
