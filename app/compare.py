"""`compare`: two heads, paired on the same test utterances."""

import click

from app.pipeline import RUNS_PATH, labels_path
from app.results.formats import p_value, signed
from app.tables import aligned
from features.manifest import read_labels
from features.params.load import load_params


@click.command()
@click.argument("one")
@click.argument("other")
def compare(one: str, other: str) -> None:
    """By how much the head ONE is above OTHER on test, and whether that may be chance."""
    from app.results.comparison import compared
    from app.results.runs import load_run

    params = load_params()
    runs = [load_run(params.pick("heads", name), RUNS_PATH) for name in (one, other)]
    labels = read_labels(labels_path(runs[0].spec.corpus))
    for measure, told in compared(runs[0], runs[1], labels).items():
        rows: list[tuple[str, ...]] = [
            (f"test {measure}", one, other, "difference", "95 % interval", "p")
        ]
        for metric, found in told.items():
            low, high = found.limits
            shown = (
                ""
                if low is None or high is None
                else f"{signed(metric, low)} to {signed(metric, high)}"
            )
            figures = [run.figure("test", measure, metric) for run in runs]
            rows.append((metric, *figures, signed(metric, found.value), shown, p_value(found.p)))
        click.echo(aligned(rows) + "\n")
    unit = runs[0].evaluation["resampled"]["unit"]
    click.echo(
        f"Means over seeds. The interval draws whole {unit}s of the test part again, the same for "
        f"both heads; for p the heads change places in {unit}s at random. One comparison says "
        "something, the best of many little."
    )
