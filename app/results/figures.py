"""All test figures of all heads, ensembles and transfers as rows, for tables of every format."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from app.results.formats import baseline_name
from app.results.runs import Ensemble, Results, Run, Transfer
from features.specs.heads import METRICS

Row = Literal["single seeds", "ensemble", "baseline", "transfer"]


@dataclass(frozen=True)
class FigureRow:
    """The figures of one head (or baseline) for one measure, by metric.

    A figure has `mean` and, where there are several seeds, `std`; `low` and `high` are the limits
    of the 95 % confidence interval, None where there is none. `main_metric` is the one by which
    the head is judged. `num_seeds` is 1 where seeds are put together.
    """

    measure: str
    kind: str
    name: str
    row: Row
    corpus: str
    num_seeds: int
    main_metric: str
    figures: Mapping[str, Mapping[str, Any]]

    @property
    def metrics(self) -> tuple[str, ...]:
        """The metrics of its kind, in their order."""
        return METRICS[self.kind]


def figure_rows(results: Results) -> Iterator[FigureRow]:
    """The rows of every measure in turn: heads, each with its ensemble, ensembles, baselines."""
    runs = results.runs
    for measure in dict.fromkeys(name for run in runs for name in run.measures):
        own = [run for run in runs if measure in run.measures]
        for run in own:
            yield _row(run, measure, "single seeds")
            if run.num_seeds > 1:
                yield _row(run, measure, "ensemble")
        yield from _ensembles(results.ensembles, measure, own)
        yield from _baselines(own, measure)
    for transfer in results.transfers:
        yield from _transfer(transfer)


def _row(run: Run, measure: str, row: Row) -> FigureRow:
    key = "test" if row == "single seeds" else "ensemble"
    return FigureRow(
        measure,
        run.kind(measure),
        run.spec.name,
        row,
        run.spec.corpus,
        run.num_seeds if row == "single seeds" else 1,
        run.shown_metric(measure),
        run.metrics[key][measure],
    )


def _ensembles(
    ensembles: Sequence[Ensemble], measure: str, runs: Sequence[Run]
) -> Iterator[FigureRow]:
    corpora = {run.spec.name: run.spec.corpus for run in runs}
    for ensemble in ensembles:
        if measure in ensemble.measures:
            spec, kind = ensemble.spec, ensemble.kind(measure)
            figures = ensemble.metrics["ensemble"][measure]
            corpus = corpora.get(spec.heads[0], "")
            metric = runs[0].shown_metric(measure)
            yield FigureRow(measure, kind, spec.name, "ensemble", corpus, 1, metric, figures)


def _baselines(runs: Sequence[Run], measure: str) -> Iterator[FigureRow]:
    """One for each corpus, of the first head on it."""
    first: dict[str, Run] = {}
    for run in runs:
        first.setdefault(run.spec.corpus, run)
    for corpus, run in first.items():
        kind = run.kind(measure)
        figures = {
            name: {"mean": value} for name, value in run.metrics["majority"][measure].items()
        }
        name, metric = baseline_name(kind), run.shown_metric(measure)
        yield FigureRow(measure, kind, name, "baseline", corpus, 1, metric, figures)


def _transfer(transfer: Transfer) -> Iterator[FigureRow]:
    spec = transfer.spec
    for measure, about in transfer.about["measures"].items():
        kind, figures = about["kind"], transfer.metrics["test"][measure]
        num_heads = len(next(iter(figures.values())).get("seeds", ()))
        metric = METRICS[kind][0]
        name = f"{spec.name}: {spec.head} on {spec.corpus}"
        yield FigureRow(measure, kind, name, "transfer", spec.corpus, num_heads, metric, figures)
