"""How long tables take to be read: rows in every format, a million blank rows, wide headers.

    python benchmarks/tables.py [--json PATH] [--rows 20000] [--blank 1000000] [--rounds 3]

A table of texts, speakers, times and labels is written in each format and read as a corpus. The
control is the `csv` module of Python, which does no more than split the cells. Medians of rounds in
one process, the first round dropped.
"""

import csv
import json
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from statistics import median

import click

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from extract.corpus.read import read_corpus
from features.specs.tracks import CorpusSpec, LeafSpec
from features.tables.numbers import NumberTable
from features.tables.table import read_table

HEADER = ("id", "text", "speaker", "start", "end", "emotion", "set")
WIDTHS = (1_000, 10_000)


def rows_of(count: int) -> list[list[str]]:
    """Made-up rows, as texts."""
    emotions, splits = ("joy", "anger", "fear"), ("train", "dev", "test")
    return [
        [
            f"u{n}",
            f'Well, {n} "times"',
            f"s{n % 40}",
            str(n),
            f"{n}.5",
            emotions[n % 3],
            splits[n % 3],
        ]
        for n in range(count)
    ]


def write_all(folder: Path, rows: Sequence[Sequence[str]]) -> list[Path]:
    """The table in every format whose package is installed."""
    for name, separator in (("table.csv", ","), ("semicolons.csv", ";")):
        with (folder / name).open("w", newline="", encoding="utf-8") as file:
            csv.writer(file, delimiter=separator).writerows([HEADER, *rows])
    tabs = "\n".join("\t".join(row) for row in (HEADER, *rows))
    (folder / "table.tsv").write_text(tabs, encoding="utf-8")
    (folder / "utf16.tsv").write_text(tabs, encoding="utf-16")
    lines = [json.dumps(dict(zip(HEADER, row, strict=True))) for row in rows]
    (folder / "table.jsonl").write_text("\n".join(lines), encoding="utf-8")
    import pandas

    frame = pandas.DataFrame(rows, columns=HEADER)
    for name, engine in (("table.xlsx", "openpyxl"), ("table.ods", "odf")):
        try:
            frame.to_excel(folder / name, index=False, engine=engine)
        except ImportError:
            click.echo(f"{name} is left out: {engine} is not installed", err=True)
    return sorted(file for file in folder.iterdir() if file.suffix != ".json")


def read_as_corpus(file: Path) -> None:
    """The whole way from a table to utterances and labels."""
    read_corpus(CorpusSpec("bench", file.parent, LeafSpec("table", {"file": file.name})))


def split_cells(file: Path) -> None:
    """The control."""
    with file.open(newline="", encoding="utf-8") as opened:
        list(csv.reader(opened))


def read_rows(file: Path) -> None:
    """The rows of a table."""
    read_table(file, "a table", lambda _: None)


def read_numbers(file: Path) -> None:
    """All columns of a table of features."""
    table = NumberTable(file)
    table.numbers(table.names)


def seconds(function: Callable[[], None], rounds: int) -> float:
    """The median of some rounds after a first one."""
    taken = []
    for number in range(rounds + 1):
        begin = time.perf_counter()
        function()
        if number:
            taken.append(time.perf_counter() - begin)
    return median(taken)


def measure(folder: Path, num_rows: int, num_blank: int, rounds: int) -> dict[str, float]:
    """Seconds by what is read."""
    files = write_all(folder, rows_of(num_rows))
    blank, wide = folder / "blank.csv", folder / "wide.csv"
    jobs: dict[str, Callable[[], None]] = {
        f"{num_rows} rows, {file.name}": partial(read_as_corpus, file) for file in files
    }
    jobs[f"{num_rows} rows, csv module alone"] = partial(split_cells, folder / "table.csv")
    figures = {name: seconds(job, rounds) for name, job in jobs.items()}
    for name, line in (("separators only", "," * (len(HEADER) - 1)), ("empty lines", "")):
        text = "\n".join(
            [",".join(HEADER), *[line] * num_blank, *map(",".join, [["a"] * len(HEADER)])]
        )
        blank.write_text(text, encoding="utf-8")
        figures[f"{num_blank} blank rows, {name}"] = seconds(partial(read_rows, blank), rounds)
    for width in WIDTHS:
        header = ",".join(f"feature {n}" for n in range(width))
        wide.write_text("\n".join([header, *[",".join(["0.25"] * width)] * 50]), encoding="utf-8")
        figures[f"50 rows of {width} features"] = seconds(partial(read_numbers, wide), rounds)
    return figures


@click.command()
@click.option("--json", "json_path", type=click.Path(path_type=Path), help="Write figures here.")
@click.option("--rows", default=20_000, show_default=True)
@click.option("--blank", default=1_000_000, show_default=True)
@click.option("--rounds", default=3, show_default=True)
def main(json_path: Path | None, rows: int, blank: int, rounds: int) -> None:
    """Print seconds by what is read."""
    with tempfile.TemporaryDirectory(prefix="tables-benchmark-") as folder:
        figures = measure(Path(folder), rows, blank, rounds)
    click.echo(f"{'read':<44}{'seconds':>10}")
    for name, value in figures.items():
        click.echo(f"{name:<44}{value:>10.3f}")
    if json_path:
        json_path.write_text(json.dumps(figures, indent=2) + "\n")


if __name__ == "__main__":
    main()
