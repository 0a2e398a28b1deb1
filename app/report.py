"""`report` and `results`: what the heads reached, as a page and as a table."""

from pathlib import Path

import click

from app.pipeline import RUNS_PATH
from app.tables import aligned
from features.files import write_atomic
from features.params import load_params

REPORT_PATH = Path("report.html")


@click.command()
def report() -> None:
    """Write report.html from the runs of all heads."""
    from app.page import render
    from app.runs import load_runs

    runs = load_runs(load_params(), RUNS_PATH)
    write_atomic(REPORT_PATH, render(runs).encode())
    click.echo(f"{REPORT_PATH}: {len(runs)} heads")


@click.command()
def results() -> None:
    """Print the test figures of all heads and where the report is."""
    from app.runs import METRICS, load_runs

    runs = load_runs(load_params(), RUNS_PATH)
    for task in sorted({task for run in runs for task in run.spec.tasks}):
        rows: list[tuple[str, ...]] = [(f"test {task}, per cent", *METRICS)]
        for run in runs:
            if task in run.spec.tasks:
                rows.append((run.spec.name, *(run.figure("test", task, m) for m in METRICS)))
        for corpus in sorted({run.spec.corpus for run in runs}):
            fitting = [r for r in runs if r.spec.corpus == corpus and task in r.spec.tasks]
            if not fitting:
                continue
            run = fitting[0]
            shown = [run.figure("baseline", task, metric) for metric in METRICS]
            rows.append((f"majority class of {corpus}", *shown))
        click.echo(aligned(rows) + "\n")
    click.echo("Mean and standard deviation over seeds; epochs chosen on dev.")
    click.echo(f"The report is {REPORT_PATH.resolve()}")
