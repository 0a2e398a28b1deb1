"""Spreadsheets: one table saved in every format gives one manifest, bit by bit."""

import json
from datetime import date, datetime, time
from pathlib import Path
from typing import Any

import pytest

from extract.corpus.read import Corpus, read_corpus
from features.errors import ProjectError
from features.manifest import write_records
from features.specs.tracks import CorpusSpec, LeafSpec
from features.tables.table import read_table

pytestmark = pytest.mark.slow

pandas = pytest.importorskip("pandas")

HEADER = ["id", "text", "speaker", "dialogue", "turn", "start", "emotion", "valence", "day", "set"]
ROWS: list[list[Any]] = [
    ["07", "Grüße, “Zoë”; ja…", 3, "d1", 1, 0, "joy", -0.125, date(2024, 2, 29), "train"],
    ["x 1", "one\ntwo", 3, "d1", 2, 2.5, "NA", 0.1, date(1999, 12, 31), "train"],
    ["x2", None, 12, "d2", -1, 10, None, 4, None, "test"],
    ["null", "TRUE", 12, "d2", 0, 1.75, "sad", -3, date(2030, 1, 1), "test"],
]
# Tabs separate cells as they are: no line break in one.
FLAT = [[c.replace("\n", " ") if isinstance(c, str) else c for c in row] for row in ROWS]


def written(value: Any) -> str:
    """A cell as a spreadsheet exports it."""
    return "" if value is None else str(value)


def write(path: Path, rows: list[list[Any]], encoding: str = "utf-8", separator: str = ",") -> None:
    """The table in the format of the file's ending."""
    if path.suffix in (".xlsx", ".ods"):
        frame = pandas.DataFrame(rows, columns=HEADER, dtype=object)
        frame.to_excel(path, index=False, engine="odf" if path.suffix == ".ods" else "openpyxl")
    elif path.suffix == ".jsonl":
        lines = [json.dumps(dict(zip(HEADER, row, strict=True)), default=str) for row in rows]
        path.write_text("\n".join(lines), encoding=encoding)
    else:
        marks = "" if separator == "\t" else '"'
        lines = [
            separator.join(
                f"{marks}{cell.replace(marks or chr(0), marks * 2)}{marks}"
                if set(cell) & {separator, "\n", '"'}
                else cell
                for cell in map(written, row)
            )
            for row in [HEADER, *rows]
        ]
        path.write_text("\n".join(lines) + "\n", encoding=encoding)


def corpus(path: Path) -> Corpus:
    columns = {"audio": "", "split": "set"}
    leaf = LeafSpec("table", {"file": path.name, "columns": columns})
    return read_corpus(CorpusSpec("mine", path.parent, leaf))


def manifest(path: Path) -> bytes:
    """The bytes of the manifest and of the labels."""
    read = corpus(path)
    write_records(path.parent / "m.out", read.utterances)
    write_records(path.parent / "l.out", read.labels)
    return (path.parent / "m.out").read_bytes() + (path.parent / "l.out").read_bytes()


@pytest.mark.parametrize(
    ("name", "encoding", "separator"),
    [
        ("t.csv", "utf-8-sig", ","),
        ("t.csv", "utf-8", ";"),
        ("t.csv", "cp1252", ","),
        ("t.csv", "cp1252", ";"),
        ("t.csv", "utf-16", ","),
        ("t.csv", "utf-16-le", ";"),
        ("t.tsv", "utf-8", "\t"),
        ("t.txt", "utf-16", "\t"),
        ("t.xlsx", "", ""),
        ("t.ods", "", ""),
        ("t.jsonl", "utf-8", ""),
        ("t.jsonl", "utf-16", ""),
    ],
)
def test_a_table_gives_the_same_manifest_in_every_format(
    tmp_path: Path, name: str, encoding: str, separator: str
) -> None:
    rows = FLAT if separator == "\t" else ROWS
    write(tmp_path / "reference.csv", rows)
    write(tmp_path / name, rows, encoding, separator)
    reference = manifest(tmp_path / "reference.csv")
    assert reference.count(b"\n") == 8 and "“Zoë”; ja…".encode() in reference
    assert manifest(tmp_path / name) == reference


def test_ids_of_rows_are_the_same_in_every_format(tmp_path: Path) -> None:
    for suffix in ("csv", "xlsx", "ods", "jsonl"):
        write(tmp_path / f"t.{suffix}", ROWS)
        leaf = LeafSpec("table", {"file": f"t.{suffix}", "columns": {"id": "", "start_s": ""}})
        read = read_corpus(CorpusSpec("mine", tmp_path, leaf))
        assert [u.id for u in read.utterances][:3] == ["row-2", "row-3", "row-4"]


@pytest.mark.parametrize("suffix", ["xlsx", "ods"])
class TestCells:
    def sheet(self, path: Path, rows: list[list[Any]]) -> list[list[Any]]:
        frame = pandas.DataFrame(rows, dtype=object)
        engine = "odf" if path.suffix == ".ods" else "openpyxl"
        frame.to_excel(path, index=False, header=False, engine=engine)
        read = read_table(path, "a table", [].append)
        return [list(row.cells.values()) for row in read.rows]

    def test_numbers_dates_and_truth_values_are_as_a_person_reads_them(
        self, tmp_path: Path, suffix: str
    ) -> None:
        cells = [3, 3.0, 0.1, True, date(2021, 5, 4), datetime(2021, 5, 4, 6, 30), "0x", "05"]
        read = self.sheet(tmp_path / f"t.{suffix}", [list("abcdefgh"), cells])
        texts = ["3", "3", "0.1", "true", "2021-05-04", "2021-05-04T06:30:00", "0x", "05"]
        assert read == [texts]

    def test_rows_are_counted_as_the_sheet_shows_them(self, tmp_path: Path, suffix: str) -> None:
        path, notes = tmp_path / f"t.{suffix}", list[str]()
        self.sheet(path, [[None, None], ["a", "b"], [1, 2], [None, None], ["x", 4]])
        read = read_table(path, "a table", notes.append)
        assert [row.place for row in read.rows] == ["row 3", "row 5"]
        assert notes == [f"t.{suffix}: 2 rows are blank and left out, the first is row 1"]
        with pytest.raises(ProjectError, match="row 5: a is 'x'; it must be a whole number"):
            read.rows[1].integer("a")

    def test_a_damaged_one_is_refused_in_one_line(self, tmp_path: Path, suffix: str) -> None:
        path = tmp_path / f"t.{suffix}"
        self.sheet(path, [["a", "b"], ["c", "d"]])
        content = path.read_bytes()
        for broken in (content[:200], content[:-40], b"id,text\n"):
            path.write_bytes(broken)
            with pytest.raises(ProjectError, match="cannot be read as a spreadsheet") as caught:
                read_table(path, "a table", [].append)
            assert len(str(caught.value).splitlines()) == 1


def test_other_sheets_are_noted(tmp_path: Path) -> None:
    notes: list[str] = []
    with pandas.ExcelWriter(tmp_path / "t.xlsx") as book:
        for name in ("Clips", "Actors"):
            pandas.DataFrame({"a": [1]}).to_excel(book, sheet_name=name, index=False)
    read_table(tmp_path / "t.xlsx", "a table", notes.append)
    assert notes == ["t.xlsx: only the first of its sheets 'Actors', 'Clips' is read, 'Clips'"]


def test_a_time_of_day_is_written_as_such(tmp_path: Path) -> None:
    frame = pandas.DataFrame({"at": [time(6, 30)]})
    frame.to_excel(tmp_path / "t.xlsx", index=False)
    read = read_table(tmp_path / "t.xlsx", "a table", [].append)
    assert read.rows[0].text("at") == "06:30:00"


def test_an_old_spreadsheet_says_how_to_save_it(tmp_path: Path) -> None:
    (tmp_path / "t.xls").write_bytes(b"\xd0\xcf\x11\xe0")
    with pytest.raises(ProjectError, match=r"save it as \.xlsx, \.ods or \.csv"):
        read_table(tmp_path / "t.xls", "a table", [].append)
