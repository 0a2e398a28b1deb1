"""`compare`: the difference of two heads, paired on the same test utterances."""

import click

from app.inputs import load_labels
from app.results.formats import p_value, signed, signed_limits
from app.tables import aligned
from features.params.load import load_params


@click.command()
@click.argument("first")
@click.argument("second")
def compare(first: str, second: str) -> None:
    """Compare two heads on the test set: differences, intervals, p values."""
    from app.results.comparison import compared
    from app.results.runs import load_run

    params = load_params()
    runs = [load_run(params.pick("heads", name)) for name in (first, second)]
    labels = load_labels(runs[0].spec.corpus)
    for measure, differences in compared(runs[0], runs[1], labels).items():
        rows: list[tuple[str, ...]] = [
            (f"test {measure}", first, second, "difference", "95 % CI", "p")
        ]
        for metric, difference in differences.items():
            figures = [run.figure("test", measure, metric) for run in runs]
            change = signed(metric, difference.value), signed_limits(metric, difference.limits)
            rows.append((metric, *figures, *change, p_value(difference.p)))
        click.echo(aligned(rows) + "\n")
    unit = runs[0].evaluation["resampled"]["unit"]
    click.echo(
        f"Means over seeds. 95 % CI: confidence interval (paired bootstrap over {unit}s of the "
        f"test set). p: permutation test over {unit}s, not corrected for multiple comparisons."
    )
