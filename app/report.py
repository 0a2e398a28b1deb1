"""`report` and `results`: what the heads reached, as a page and as a table."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from app.pipeline import RUNS_PATH, labels_path, notes_path
from app.results.formats import limits, number
from app.results.runs import Run, Transfer, load_runs, load_transfers
from app.tables import aligned
from features.errors import ProjectError
from features.files import write_atomic
from features.manifest import read_labels
from features.params.load import load_params
from features.specs.heads import METRICS

if TYPE_CHECKING:
    from train.scoring.significance import Difference

REPORT_PATH = Path("report.html")


@click.command()
def report() -> None:
    """Write report.html from the runs of all heads and transfers."""
    from app.results.page import render

    params = load_params()
    runs = load_runs(params, RUNS_PATH)
    transfers = load_transfers(params, RUNS_PATH)
    notes = {
        name: json.loads(notes_path(name).read_text())
        for name in params.corpora
        if notes_path(name).exists()
    }
    page = render(runs, transfers, notes, _differences(runs))
    write_atomic(REPORT_PATH, page.encode())
    click.echo(f"{REPORT_PATH}: {len(runs)} heads, {len(transfers)} transfers")


@click.command()
def results() -> None:
    """Print the test figures of all heads and where the report is."""
    params = load_params()
    runs = load_runs(params, RUNS_PATH)
    for measure in dict.fromkeys(name for run in runs for name in run.measures):
        click.echo(aligned(_rows(measure, [r for r in runs if measure in r.measures])) + "\n")
    for one in load_transfers(params, RUNS_PATH):
        click.echo(aligned(_transfer_rows(one)) + "\n")
    click.echo("Mean and standard deviation over seeds (of transfers, over folds as well).")
    click.echo("Whatever was chosen was chosen on dev.")
    click.echo(f"The report is {REPORT_PATH.resolve()}")


def _rows(measure: str, runs: Sequence[Run]) -> list[tuple[str, ...]]:
    kind = runs[0].kind(measure)
    metrics, shown = METRICS[kind], runs[0].shown_metric(measure)
    unit = "" if kind == "numbers" else ", per cent"
    rows: list[tuple[str, ...]] = [(f"test {measure}{unit}", *metrics, f"95 % interval of {shown}")]
    for run in runs:
        figures = [run.figure("test", measure, metric) for metric in metrics]
        rows.append((run.spec.name, *figures, run.limits(measure, shown)))
    seen: set[str] = set()
    for run in runs:
        if run.spec.corpus not in seen:
            plain = run.metrics["majority"][measure]
            figures = [number(metric, plain[metric]) for metric in metrics]
            rows.append((f"majority of {run.spec.corpus}", *figures, ""))
        seen.add(run.spec.corpus)
    return rows


def _transfer_rows(one: Transfer) -> list[tuple[str, ...]]:
    rows: list[tuple[str, ...]] = []
    for measure, told in one.about["measures"].items():
        metrics = METRICS[told["kind"]]
        unit = "" if told["kind"] == "numbers" else ", per cent"
        title = f"{one.spec.name}: {one.spec.head} on {one.spec.corpus}, {measure}{unit}"
        rows.append((title, "test", "95 % interval"))
        found = one.metrics["test"][measure]
        rows += [(m, one.figure(measure, m), limits(m, found[m])) for m in metrics]
    return rows


def _differences(runs: Sequence[Run]) -> Mapping[str, Mapping[str, "Difference"]]:
    """By how much the first head is above each other that was tested on the same utterances."""
    from app.results.comparison import compared

    found = {}
    for other in runs[1:]:
        if other.spec.corpus != runs[0].spec.corpus:
            continue
        labels = read_labels(labels_path(other.spec.corpus))
        try:
            told = compared(runs[0], other, labels)
        except ProjectError:
            continue  # of another protocol or other tasks: there is nothing to compare
        found[other.spec.name] = {
            measure: by_metric[runs[0].shown_metric(measure)] for measure, by_metric in told.items()
        }
    return found
