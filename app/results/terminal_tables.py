"""Tables of figures for a terminal of 100 columns."""

from collections.abc import Iterator, Sequence

from app.results.figures import FigureRow
from app.results.formats import limits, number, spread
from app.tables import aligned

# A longer name gets a line of its own, above its figures.
MAX_NAME, WIDTH = 26, 100
# Of pairs six figures would not fit.
METRICS_SHOWN = {"pairs": ("pair_weighted_f1", "pair_f1", "pair_precision", "pair_recall")}


def terminal_tables(rows: Sequence[FigureRow]) -> Iterator[str]:
    """A table for each measure, then one for each transfer."""
    measures = dict.fromkeys(row.measure for row in rows if row.row != "transfer")
    for measure in measures:
        own = [row for row in rows if row.measure == measure and row.row != "transfer"]
        yield _table(measure.replace("_", " "), own)
    for row in rows:
        if row.row == "transfer":
            yield _transfer(row)


def _unit(row: FigureRow) -> str:
    return "" if row.kind in ("numbers", "votes") else "per cent"


def _table(title: str, rows: Sequence[FigureRow]) -> str:
    """Names of metrics take two lines: most of them are of two words."""
    main = rows[0].main_metric
    metrics = METRICS_SHOWN.get(rows[0].kind, rows[0].metrics)
    names = [metric.removeprefix("pair_").rpartition("_") for metric in metrics]
    lines: list[tuple[str, ...]] = [
        (f"test {title}", *(first.replace("_", " ") for first, _, _ in names), "95 % CI of"),
        (_unit(rows[0]), *(last for _, _, last in names), _words(main)),
    ]
    for row in rows:
        figures = [_figure(row, metric) for metric in metrics]
        name, interval = _name(row), limits(main, row.figures[main])
        if len(name) > MAX_NAME:
            lines.append((name, *[""] * (len(metrics) + 1)))
            name = ""
        lines.append((name, *figures, interval))
    return _aligned(lines)


def _aligned(lines: Sequence[tuple[str, ...]]) -> str:
    """Aligned by the lines that have figures; names alone may be longer than the first column."""
    with_cells = [line for line in lines if any(line[1:])]
    table = aligned(with_cells)
    if max(map(len, table.splitlines())) > WIDTH:
        table = aligned(with_cells, gap=1)
    texts = iter(table.splitlines())
    return "\n".join(next(texts) if any(line[1:]) else line[0] for line in lines)


def _words(metric: str) -> str:
    return metric.removeprefix("pair_").replace("_", " ").replace("unweighted", "unw.")


def _figure(row: FigureRow, metric: str) -> str:
    figure = row.figures[metric]
    return spread(metric, figure) if "std" in figure else number(metric, figure["mean"])


def _name(row: FigureRow) -> str:
    if row.row == "baseline":
        return f"{row.name}, {row.corpus}"
    return f"  {row.name}, ensemble" if row.row == "ensemble" else row.name


def _transfer(row: FigureRow) -> str:
    unit = f", {_unit(row)}" if _unit(row) else ""
    title = f"{row.name}, {row.measure.replace('_', ' ')}{unit}"
    lines = [("", "test", "95 % CI")]
    lines += [
        (metric.replace("_", " "), _figure(row, metric), limits(metric, row.figures[metric]))
        for metric in row.metrics
    ]
    return f"{title}\n{aligned(lines)}"
