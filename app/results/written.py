"""Tables of figures as people take them elsewhere: CSV, LaTeX, Markdown and JSON."""

import csv
import io
import json
from collections.abc import Callable, Collection, Iterator, Sequence

from app.results.figures import FigureRow
from app.results.formats import limits, number, spread

# Heads that are better than every other by the paired test, by measure and name.
Best = Collection[tuple[str, str]]
FIELDS = ("mean", "std", "low", "high")
LATEX = {"&": r"\&", "%": r"\%", "_": r"\_", "#": r"\#", "$": r"\$", "±": r"$\pm$", "~": r"\~{}"}


def as_csv(rows: Sequence[FigureRow], best: Best) -> str:
    """One line for each figure, as fractions or in the units of the labels, unrounded."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["measure", "name", "row", "corpus", "seeds", "metric", *FIELDS, "best"])
    for row in rows:
        about = [row.measure, row.name, row.row, row.corpus, row.num_seeds]
        for metric in row.metrics:
            figure = row.figures[metric]
            values = [figure.get(field) for field in FIELDS]
            is_best = metric == row.main_metric and _is_best(row, best)
            writer.writerow(
                [*about, metric, *("" if v is None else v for v in values), int(is_best)]
            )
    return text.getvalue()


def as_json(rows: Sequence[FigureRow], best: Best) -> str:
    """A list of rows with their figures; see `as_csv`."""
    document = [
        {
            "measure": row.measure,
            "name": row.name,
            "row": row.row,
            "corpus": row.corpus,
            "seeds": row.num_seeds,
            "main_metric": row.main_metric,
            "best": _is_best(row, best),
            "figures": {metric: dict(row.figures[metric]) for metric in row.metrics},
        }
        for row in rows
    ]
    return json.dumps(document, indent=2, ensure_ascii=False) + "\n"


def as_markdown(rows: Sequence[FigureRow], best: Best) -> str:
    """A table for each measure, in per cent where figures are fractions."""
    tables = []
    for title, own in _tables(rows):
        metrics = own[0].metrics
        head = [title, *(metric.replace("_", " ") for metric in metrics)]
        lines = [head, ["---"] * len(head)]
        lines += [[_shown_name(row), *_cells(row, best, "**{}**")] for row in own]
        tables.append("".join(f"| {' | '.join(cells)} |\n" for cells in lines))
    return "\n".join(tables)


def as_latex(rows: Sequence[FigureRow], best: Best) -> str:
    """A `tabular` with the rules of booktabs for each measure; see `as_markdown`."""
    tables = []
    for title, own in _tables(rows):
        metrics = own[0].metrics
        head = [title, *(metric.replace("_", " ") for metric in metrics)]
        lines = [[_shown_name(row), *_cells(row, best, r"\textbf{{{}}}")] for row in own]
        body = [
            f"\\begin{{tabular}}{{l{'r' * len(metrics)}}}",
            r"\toprule",
            " & ".join(map(_escaped, head)) + r" \\",
            r"\midrule",
            *(" & ".join(map(_escaped, line)) + r" \\" for line in lines),
            r"\bottomrule",
            r"\end{tabular}",
        ]
        tables.append("\n".join(body) + "\n")
    return "% \\usepackage{booktabs}\n" + "\n".join(tables)


WRITERS: dict[str, Callable[[Sequence[FigureRow], Best], str]] = {
    "csv": as_csv,
    "json": as_json,
    "latex": as_latex,
    "markdown": as_markdown,
}


def _tables(rows: Sequence[FigureRow]) -> Iterator[tuple[str, list[FigureRow]]]:
    """The rows of each measure, and of each transfer, with a title."""
    groups: dict[str, list[FigureRow]] = {}
    for row in rows:
        groups.setdefault(row.measure, []).append(row)
    for measure, own in groups.items():
        unit = "" if own[0].kind in ("numbers", "votes") else ", per cent"
        yield f"test {measure.replace('_', ' ')}{unit}", own


def _shown_name(row: FigureRow) -> str:
    if row.row == "baseline":
        return f"{row.name}, {row.corpus}"
    return f"{row.name}, ensemble" if row.row == "ensemble" else row.name


def _cells(row: FigureRow, best: Best, bold: str) -> list[str]:
    """Each figure with its interval where it is the main one, bold where it is the best."""
    cells = []
    for metric in row.metrics:
        figure = row.figures[metric]
        cell = number(metric, figure["mean"]) if "std" not in figure else spread(metric, figure)
        if metric == row.main_metric:
            interval = limits(metric, figure).replace(" to ", ", ")
            cell = bold.format(cell) if _is_best(row, best) else cell
            cell += f" [{interval}]" if interval else ""
        cells.append(cell)
    return cells


def _is_best(row: FigureRow, best: Best) -> bool:
    return row.row == "single seeds" and (row.measure, row.name) in best


def _escaped(text: str) -> str:
    return "".join(LATEX.get(char, char) for char in text)
