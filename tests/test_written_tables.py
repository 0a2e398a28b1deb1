"""Tables of results: CSV, LaTeX, Markdown and JSON hold the same figures, a terminal their sum."""

import csv
import io
import json
from typing import Any

import pytest

from app.results.figures import FigureRow, Row
from app.results.terminal_tables import terminal_tables
from app.results.written import WRITERS
from features.specs.heads import METRICS

MAIN = {"classes": "weighted_f1", "pairs": "pair_weighted_f1", "numbers": "ccc", "votes": "kl"}


def row(
    name: str,
    kind: str = "classes",
    row: Row = "single seeds",
    value: float = 0.61,
    seeds: int = 5,
    measure: str = "emotion",
) -> FigureRow:
    figure: dict[str, Any] = {"mean": value, "low": value - 0.02, "high": value + 0.03}
    if seeds > 1:
        figure |= {"std": 0.004, "seeds": [value] * seeds}
    if row == "baseline":
        figure = {"mean": value}
    figures = dict.fromkeys(METRICS[kind], figure)
    return FigureRow(measure, kind, name, row, "meld", seeds, MAIN[kind], figures)


ROWS = [
    row("main"),
    row("main", row="ensemble", value=0.623, seeds=1),
    row("50%_of & all", value=0.58),
    row("majority baseline", row="baseline", value=0.313, seeds=1),
    row("main", "numbers", measure="valence", value=0.4),
]
BEST = {("emotion", "main")}


def test_csv_has_every_figure_unrounded() -> None:
    lines = list(csv.DictReader(io.StringIO(WRITERS["csv"](ROWS, BEST))))
    assert len(lines) == 4 * 5 + 3
    first = lines[0]
    assert (first["name"], first["row"], first["metric"], first["seeds"]) == (
        "main", "single seeds", "weighted_f1", "5",
    )  # fmt: skip
    assert float(first["mean"]) == 0.61 and float(first["high"]) == pytest.approx(0.64)
    assert [line["best"] for line in lines].count("1") == 1 and first["best"] == "1"
    baseline = next(line for line in lines if line["row"] == "baseline")
    assert (baseline["std"], baseline["low"]) == ("", "")


def test_json_has_the_same() -> None:
    document = json.loads(WRITERS["json"](ROWS, BEST))
    assert [each["best"] for each in document] == [True, False, False, False, False]
    assert document[1]["figures"]["accuracy"]["mean"] == 0.623


def test_latex_escapes_names_and_is_bold_where_the_test_says_so() -> None:
    text = WRITERS["latex"](ROWS, BEST)
    assert text.count(r"\begin{tabular}{lrrrrr}") == 1 and text.count(r"\bottomrule") == 2
    assert r"50\%\_of \& all & 58.0 $\pm$ 0.4 [56.0, 61.0]" in text
    assert r"main & \textbf{61.0 $\pm$ 0.4} [59.0, 64.0] & 61.0 $\pm$ 0.4 &" in text
    assert text.count("textbf") == 1
    assert r"main, ensemble & 62.3 [60.3, 65.3]" in text and r"test emotion, per cent &" in text
    assert "textbf" not in WRITERS["latex"](ROWS, set())


def test_markdown_is_a_table_for_each_measure() -> None:
    text = WRITERS["markdown"](ROWS, BEST)
    assert "| main | **61.0 ± 0.4** [59.0, 64.0] | 61.0 ± 0.4 |" in text
    assert "| majority baseline, meld | 31.3 | 31.3 |" in text
    emotion, valence = text.split("\n\n")
    assert len({line.count("|") for line in emotion.splitlines()}) == 1
    assert valence.startswith("| test valence | ccc | rmse | mae |")


@pytest.mark.parametrize("kind", METRICS)
def test_a_terminal_of_100_columns_holds_every_kind(kind: str) -> None:
    long = "a-head-with-a-name-of-forty-five-characters-x"
    rows = [row("main", kind, value=1.0), row(long, kind), row(long, kind, "ensemble", seeds=1)]
    rows += [row("majority baseline", kind, "baseline"), row("far: main on demo", kind, "transfer")]
    text = "\n\n".join(terminal_tables(rows))
    assert max(map(len, text.splitlines())) <= 100
    assert f"\n{long}\n" in text and f"  {long}, ensemble\n" in text
    assert "majority baseline, meld" in text and "far: main on demo, emotion" in text


def test_a_name_of_a_line_of_its_own_is_above_its_figures() -> None:
    rows = [row("main"), row("the-second-head-of-this-table", value=0.5)]
    (text,) = terminal_tables(rows)
    lines = text.splitlines()
    place = lines.index("the-second-head-of-this-table")
    assert lines[place + 1].lstrip().startswith("50.0 ± 0.4")
    assert lines[place + 1].index("50.0") == lines[2].index("61.0")
