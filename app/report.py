"""`report` and `results`: the test results of all heads, as a page and as tables."""

import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from app.inputs import load_labels
from app.paths import notes_path
from app.results.formats import baseline_name, number
from app.results.runs import Ensemble, Run, Transfer, load_results, load_run
from app.tables import aligned, left_aligned
from features.errors import ProjectError
from features.files import write_atomic
from features.params.load import load_params
from features.specs.heads import METRICS

if TYPE_CHECKING:
    from train.scoring.significance import Difference

REPORT_PATH = Path("report.html")
LEGEND = """Mean ± standard deviation over seeds (of transfers, over folds as well).
95 % CI: confidence interval (bootstrap over dialogues, speakers or utterances).
Seeds together: the mean of their calibrated predictions.
Epochs and penalties were selected on the dev set."""


@click.command()
def report() -> None:
    """Write report.html from all heads; exit code 1 where one is missing or stale."""
    from app.results.page import render

    params = load_params()
    results = load_results(params)
    notes = {
        name: json.loads(notes_path(name).read_text())
        for name in params.corpora
        if notes_path(name).exists()
    }
    page = render(results, notes, _differences(results.runs))
    write_atomic(REPORT_PATH, page.encode())
    counts = [f"{len(results.runs)} heads"]
    counts += [f"{len(results.ensembles)} ensembles"] if results.ensembles else []
    counts.append(f"{len(results.transfers)} transfers")
    click.echo(f"{REPORT_PATH}: {', '.join(counts)}")
    _exit_where_unusable(results.unusable)


@click.command()
@click.option(
    "--errors", metavar="HEAD", help="The mistakes that this head is most confident about."
)
def results(errors: str | None) -> None:
    """Print the test results of all heads; exit code 1 where one is missing or stale."""
    if errors is not None:
        _echo_mistakes(errors)
        return
    loaded = load_results(load_params())
    runs = loaded.runs
    for measure in dict.fromkeys(name for run in runs for name in run.measures):
        ensembles = [e for e in loaded.ensembles if measure in e.measures]
        own = [run for run in runs if measure in run.measures]
        click.echo(aligned(_rows(measure, own, ensembles)) + "\n")
    for transfer in loaded.transfers:
        click.echo(aligned(_transfer_rows(transfer)) + "\n")
    if runs or loaded.transfers:
        click.echo(LEGEND)
    if REPORT_PATH.exists():
        click.echo(f"The report is {REPORT_PATH.resolve()}")
    _exit_where_unusable(loaded.unusable)


def _echo_mistakes(name: str) -> None:
    """Print the surest mistakes of a head on its test set, by measure."""
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


def _rows(
    measure: str, runs: Sequence[Run], ensembles: Sequence[Ensemble]
) -> list[tuple[str, ...]]:
    kind = runs[0].kind(measure)
    metrics, main_metric = METRICS[kind], runs[0].shown_metric(measure)
    unit = "" if kind in ("numbers", "votes") else ", per cent"
    rows: list[tuple[str, ...]] = [(f"test {measure}{unit}", *metrics, f"95 % CI of {main_metric}")]
    for run in runs:
        figures = [run.figure("test", measure, metric) for metric in metrics]
        rows.append((run.spec.name, *figures, run.limits(measure, main_metric)))
        if run.num_seeds > 1:
            figures = [run.figure("ensemble", measure, metric) for metric in metrics]
            limits = run.limits(measure, main_metric, "ensemble")
            rows.append((f"  its {run.num_seeds} seeds together", *figures, limits))
    for ensemble in ensembles:
        figures = [ensemble.figure("ensemble", measure, metric) for metric in metrics]
        limits = ensemble.limits("ensemble", measure, main_metric)
        rows.append((ensemble.spec.name, *figures, limits))
    first_runs: dict[str, Run] = {}
    for run in runs:
        first_runs.setdefault(run.spec.corpus, run)
    for corpus, run in first_runs.items():
        baseline = run.metrics["majority"][measure]
        figures = [number(metric, baseline[metric]) for metric in metrics]
        rows.append((f"{baseline_name(kind)}, {corpus}", *figures, ""))
    return rows


def _transfer_rows(transfer: Transfer) -> list[tuple[str, ...]]:
    spec = transfer.spec
    rows: list[tuple[str, ...]] = []
    for measure, about in transfer.about["measures"].items():
        unit = "" if about["kind"] == "numbers" else ", per cent"
        title = f"{spec.name}: {spec.head} on {spec.corpus}, {measure}{unit}"
        rows.append((title, "test", "95 % CI"))
        rows += [
            (metric, transfer.figure(measure, metric), transfer.limits(measure, metric))
            for metric in METRICS[about["kind"]]
        ]
    return rows


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
