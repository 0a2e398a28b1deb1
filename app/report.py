"""`report` and `results`: the test results of all heads, as a page and as tables."""

import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from app.heads.scan import scans_of
from app.inputs import load_labels
from app.paths import notes_path
from app.results.figures import figure_rows
from app.results.runs import Run, load_results, load_run
from app.results.terminal_tables import terminal_tables
from app.results.written import WRITERS
from app.tables import left_aligned
from features.errors import ProjectError
from features.files import write_atomic
from features.params.load import load_params

if TYPE_CHECKING:
    from train.scoring.significance import Difference

REPORT_PATH = Path("report.html")
LEGEND = """Mean ± standard deviation over seeds (for transfers, over folds as well).
95 % CI: confidence interval (bootstrap over dialogues, speakers or utterances).
Ensemble: the mean of the calibrated predictions of all seeds.
Epochs and penalties were selected on the dev set."""


@click.command()
def report() -> None:
    """Write report.html from all heads; exit code 1 where one is missing or stale."""
    from app.corpora.counts import counts_of
    from app.corpora.embedded import sounds_to_embed
    from app.results.comparison import best_heads
    from app.results.page import render

    params = load_params()
    results = load_results(params)
    notes = {
        name: json.loads(notes_path(name).read_text())
        for name in params.corpora
        if notes_path(name).exists()
    }
    best = best_heads(results.runs, load_labels)
    scans, stale_scans = scans_of(params)
    counts = {name: counts_of(load_labels(name)) for name in {r.spec.corpus for r in results.runs}}
    with sounds_to_embed(params) as sound_of:
        page = render(results, notes, counts, _differences(results.runs), best, sound_of, scans)
    write_atomic(REPORT_PATH, page.encode())
    shown = [f"{len(results.runs)} heads"]
    shown += [f"{len(results.ensembles)} ensembles"] if results.ensembles else []
    shown.append(f"{len(results.transfers)} transfers")
    click.echo(f"{REPORT_PATH}: {', '.join(shown)}")
    # Scans are optional and no stage repeats them: a stale one is left out, and named.
    for line in stale_scans:
        click.echo(line, err=True)
    _exit_where_unusable(results.unusable)


@click.command()
@click.option(
    "--errors", metavar="HEAD", help="Print only the most confident mistakes of this head."
)
@click.option(
    "--format", "form", type=click.Choice(sorted(WRITERS)), help="Print the tables in this format."
)
def results(errors: str | None, form: str | None) -> None:
    """Print the test results of all heads; exit code 1 if one is missing or stale."""
    if errors is not None:
        _echo_mistakes(errors)
        return
    loaded = load_results(load_params())
    rows = list(figure_rows(loaded))
    if form is not None:
        from app.results.comparison import best_heads

        click.echo(WRITERS[form](rows, best_heads(loaded.runs, load_labels)), nl=False)
        _exit_where_unusable(loaded.unusable)
        return
    for table in terminal_tables(rows):
        click.echo(table + "\n")
    if rows:
        click.echo(LEGEND)
    if REPORT_PATH.exists():
        click.echo(f"The report is {REPORT_PATH.resolve()}")
    _exit_where_unusable(loaded.unusable)


def _echo_mistakes(name: str) -> None:
    """Print the most confident mistakes of a head on its test set, by measure."""
    from app.results.mistakes import NUM_SHOWN, mistakes_of

    run = load_run(load_params().pick("heads", name))
    titles = ("id", "truth", "predicted", "probability", "media", "text")
    for measure in run.measures:
        if run.kind(measure) != "classes":
            continue
        mistakes = mistakes_of(run, measure)
        shown = mistakes[:NUM_SHOWN]
        click.echo(f"{name}, {measure}: {len(mistakes)} mistakes on the test set (mean over seeds)")
        if shown:
            click.echo(left_aligned([titles, *(mistake.row() for mistake in shown)]))


def _exit_where_unusable(lines: Sequence[str]) -> None:
    """Name every head without figures, and end with exit code 1 where there is one."""
    for line in lines:
        click.echo(line, err=True)
    sys.exit(1 if lines else 0)


def _differences(runs: Sequence[Run]) -> Mapping[str, Mapping[str, "Difference"]]:
    """By how much the first head is above each other with the same test set, by measure."""
    from app.results.comparison import compared

    differences = {}
    for run in runs[1:]:
        if run.spec.corpus != runs[0].spec.corpus:
            continue
        labels = load_labels(run.spec.corpus)
        try:
            by_measure = compared(runs[0], run, labels)
        except ProjectError:
            continue  # of another protocol or other tasks: there is nothing to compare
        differences[run.spec.name] = {
            measure: by_metric[runs[0].shown_metric(measure)]
            for measure, by_metric in by_measure.items()
        }
    return differences
