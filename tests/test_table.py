"""Tables: every error is one line that names file, line and column."""

from pathlib import Path

import pytest

from extract.corpus.tables import read_table
from features.errors import ProjectError


def write(tmp_path: Path, content: bytes) -> Path:
    (tmp_path / "t.csv").write_bytes(content)
    return tmp_path / "t.csv"


def test_cells_are_read_as_what_they_must_be(tmp_path: Path) -> None:
    path = write(tmp_path, "\ufeffname,turn,score,note\nä,3,0.5,\n".encode())
    row = next(read_table(path, ("name", "turn"), "a table"))
    assert (row.text("name"), row.integer("turn"), row.number("score")) == ("ä", 3, 0.5)
    assert row.optional("note") is None


@pytest.mark.parametrize(
    ("column", "kind", "message"),
    [
        ("turn", "integer", "line 2: turn is 'x'; it must be a whole number"),
        ("turn", "number", "line 2: turn is 'x'; it must be a number"),
        ("score", "number", "line 2: score is 'nan'; it must be a number"),
        ("note", "text", "line 2: note is ''; it must be a text"),
    ],
)
def test_a_wrong_cell_is_named(tmp_path: Path, column: str, kind: str, message: str) -> None:
    row = next(read_table(write(tmp_path, b"turn,score,note\nx,nan,\n"), (), "a table"))
    with pytest.raises(ProjectError, match=message):
        getattr(row, kind)(column)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"a\n1\n", "lacks the columns 'b' of a table; it has 'a'"),
        (b"a,b\n1\n", "line 2: it must have 2 cells"),
        (b"a,b\n1,2,3\n", "line 2: it must have 2 cells"),
        (b"a,b\n1,\xff\n", "is not a table in UTF-8"),
        (b"a,b\n1," + b"x" * 200_000 + b"\n", "is not a table in UTF-8: field larger"),
    ],
)
def test_a_wrong_table_is_named(tmp_path: Path, content: bytes, message: str) -> None:
    with pytest.raises(ProjectError, match=message):
        list(read_table(write(tmp_path, content), ("a", "b"), "a table"))


def test_a_missing_table_is_named(tmp_path: Path) -> None:
    with pytest.raises(ProjectError, match="is not a file; it must be the table of folds"):
        list(read_table(tmp_path / "t.csv", (), "the table of folds"))
