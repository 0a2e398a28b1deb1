"""Tables as text: how cells are separated and written, and errors that name file, line, column."""

import os
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from features.errors import ProjectError
from features.tables.row import Header, Row
from features.tables.table import Table, read_table


def table(
    folder: Path,
    content: str | bytes,
    name: str = "t.csv",
    note: Callable[[str], None] = [].append,
    columns: Sequence[str] = (),
) -> Table:
    """The table in a file with this content."""
    (folder / name).write_bytes(content.encode() if isinstance(content, str) else content)
    return read_table(folder / name, "a table", note, columns)


def values(read: Table) -> list[list[object]]:
    return [list(row.cells.values()) for row in read.rows]


class TestRows:
    def test_cells_are_read_as_what_they_must_be(self, tmp_path: Path) -> None:
        (row,) = table(tmp_path, "\ufeffname,turn,score,note\nä,3,0.5,\n").rows
        assert (row.text("name"), row.integer("turn"), row.number("score")) == ("ä", 3, 0.5)
        assert row.optional("note") is None and row.optional_number(None) is None

    def test_nothing_but_an_empty_cell_is_missing(self, tmp_path: Path) -> None:
        words = ["NA", "null", "None", "nan", "#N/A", "-", "01", "1e5", "TRUE"]
        read = table(tmp_path, "word,more\n" + "".join(f"{word},\n" for word in words))
        assert [row.text("word") for row in read.rows] == words
        assert {row.optional("more") for row in read.rows} == {None}

    def test_a_whole_number_may_be_written_with_a_point(self, tmp_path: Path) -> None:
        read = table(tmp_path, "a,b\n7.0,9007199254740993\n")
        assert [read.rows[0].integer(column) for column in "ab"] == [7, 9007199254740993]

    @pytest.mark.parametrize(
        ("column", "kind", "message"),
        [
            ("turn", "integer", "line 2: turn is 'x'; it must be a whole number"),
            ("turn", "number", "line 2: turn is 'x'; it must be a number"),
            ("score", "number", "line 2: score is 'nan'; it must be a number"),
            ("half", "integer", r"line 2: half is '3\.25'; it must be a whole number"),
            ("note", "text", "line 2: note is ''; it must be a text"),
            ("note", "integer", "line 2: note is ''; it must be a whole number"),
        ],
    )
    def test_a_wrong_cell_is_named(
        self, tmp_path: Path, column: str, kind: str, message: str
    ) -> None:
        (row,) = table(tmp_path, "turn,score,half,note\nx,nan,3.25,\n").rows
        with pytest.raises(ProjectError, match=message):
            getattr(row, kind)(column)


class TestSeparators:
    @pytest.mark.parametrize(
        "content",
        [
            "id;score\na;0,25\nb;1,75\n",
            'id;score\n"a";"0,25"\nb;1,75\n',
            "sep=;\nid;score\na;0,25\nb;1,75\n",
            '"sep=;"\r\nid;score\r\na;0,25\r\nb;1,75\r\n',
            "\n\nid;score\na;0,25\nb;1,75",
            "id\tscore\na\t0,25\nb\t1,75\n",
        ],
    )
    def test_the_separator_is_the_one_that_gives_rows_of_one_length(
        self, tmp_path: Path, content: str
    ) -> None:
        read = table(tmp_path, content)
        assert read.columns == ("id", "score") and values(read) == [["a", "0,25"], ["b", "1,75"]]

    def test_more_separators_in_the_header_do_not_decide(self, tmp_path: Path) -> None:
        read = table(tmp_path, '"a, b, c";text\n1;no\n2;yes, or no\n')
        assert read.columns == ("a, b, c", "text") and len(read.rows) == 2

    def test_quotation_marks_are_words_where_tabs_separate(self, tmp_path: Path) -> None:
        notes: list[str] = []
        content = 'id\ttext\na\t"Who\nb\tsaid 5" or\nc\tthat?"\nd\t"all"\n'
        for name in ("t.tsv", "t.csv"):
            read = table(tmp_path, content, name, notes.append)
            assert [row.text("text") for row in read.rows] == [
                '"Who',
                'said 5" or',
                'that?"',
                '"all"',
            ]
        assert notes[0].startswith("t.tsv: 1 cells are in quotation marks; where tabs separate")

    def test_a_list_of_one_column_may_have_commas_in_quotation_marks(self, tmp_path: Path) -> None:
        assert values(table(tmp_path, 'text\n"a, b"\nc\n')) == [["a, b"], ["c"]]


class TestLines:
    CONTENT = 'id,text\na,"one\ntwo"\n\nb,"say ""x""\r\nthree"\n'

    def test_a_row_is_where_its_cells_begin(self, tmp_path: Path) -> None:
        read = table(tmp_path, self.CONTENT)
        assert [row.place for row in read.rows] == ["line 2", "line 5"]
        assert read.rows[1].text("text") == 'say "x"\r\nthree'

    @pytest.mark.parametrize(
        ("row", "message"),
        [
            ("c", "line 7: it must have 2 cells, as the header does"),
            ("c,d,e", "line 7: it must have 2 cells"),
            ('c,"d', "line 7: a quotation mark opens a cell that never ends"),
            ('c,"d"e', "line 7: the cell 'de' has text outside its quotation marks"),
            ('"c\n7"x,d', r"line 7: the cell 'c\\n7x' has text outside its quotation marks"),
        ],
    )
    def test_a_broken_row_is_named_by_its_line(
        self, tmp_path: Path, row: str, message: str
    ) -> None:
        for end in ("", "\n", "\nf,g\n"):
            with pytest.raises(ProjectError, match=message):
                table(tmp_path, self.CONTENT + row + end)

    def test_blank_rows_are_counted_and_left_out(self, tmp_path: Path) -> None:
        notes: list[str] = []
        read = table(tmp_path, "a,b\n\n1,2\n,\n , \n3,4\n\n\n", note=notes.append)
        assert [row.place for row in read.rows] == ["line 3", "line 6"]
        assert notes == ["t.csv: 3 rows are blank and left out, the first is line 2"]

    def test_a_hundred_thousand_blank_rows_and_a_wide_header_cost_little(
        self, tmp_path: Path
    ) -> None:
        header = ",".join(f"column {number}" for number in range(5000))
        read = table(tmp_path, header + "\n" + "x" + "," * 4999 + "\n" + "\n" * 100_000)
        assert len(read.columns) == 5000 and len(read.rows) == 1

    def test_a_cell_may_be_very_long(self, tmp_path: Path) -> None:
        (row,) = table(tmp_path, f'a,b\n"{"x, " * 100_000}",2\n').rows
        assert len(row.text("a")) == 300_000


class TestColumns:
    def test_columns_without_name_and_content_are_left_out(self, tmp_path: Path) -> None:
        read = table(tmp_path, " a ,,b,,\n1,,2,,\n3,,4,,\n")
        assert read.columns == ("a", "b") and values(read) == [["1", "2"], ["3", "4"]]

    def test_a_column_without_a_name_is_called_by_its_place(self, tmp_path: Path) -> None:
        assert table(tmp_path, ",a\n0,x\n1,y\n").columns == ("column 1", "a")

    def test_two_columns_of_one_name_are_refused(self, tmp_path: Path) -> None:
        with pytest.raises(ProjectError, match="has several columns 'a'; give each a name"):
            table(tmp_path, "a,b,a \n1,2,3\n")

    def test_a_missing_column_is_named(self, tmp_path: Path) -> None:
        with pytest.raises(ProjectError, match="lacks the columns 'b' of a table; it has 'a'"):
            table(tmp_path, "a\n1\n", columns=("a", "b"))


class TestEncodings:
    @pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be"])
    def test_utf_8_and_utf_16_are_read_without_a_word(self, tmp_path: Path, encoding: str) -> None:
        notes: list[str] = []
        read = table(tmp_path, "id,text\na,Grüße – ñ 😀\n".encode(encoding), note=notes.append)
        assert values(read) == [["a", "Grüße – ñ 😀"]] and notes == []

    def test_cp1252_is_read_and_noted(self, tmp_path: Path) -> None:
        notes: list[str] = []
        read = table(tmp_path, "id,text\na,b\nc,“Grüße”\n".encode("cp1252"), note=notes.append)
        assert values(read)[1] == ["c", "“Grüße”"]
        assert notes == ["t.csv: not UTF-8, so it is read as cp1252; line 3 is 'c,“Grüße”'"]

    @pytest.mark.parametrize(
        ("content", "message"),
        [
            ("id,é\nä,ö\n".encode() + b"x,\xfc\n", "line 3: it is not UTF-8, although the rest"),
            (b"id,text\na,\x81\n", "nor in UTF-16 or cp1252"),
            (b"id,text\na,b\0\n", "line 2: it has a NUL character"),
            (b"\xff\xfei\0d\0,", "is not a table in UTF-16"),
            (b"", "is empty; it must be a table"),
        ],
    )
    def test_what_is_no_text_is_refused(self, tmp_path: Path, content: bytes, message: str) -> None:
        with pytest.raises(ProjectError, match=message):
            table(tmp_path, content)


class TestJsonLines:
    def test_values_are_texts_and_lists_are_lists(self, tmp_path: Path) -> None:
        lines = '{"a":"01","b":1.0,"c":true,"d":["x y","z"]}\n\n{"a":null,"b":0.25,"e":7}\n'
        read = table(tmp_path, lines, "t.jsonl")
        assert values(read) == [["01", "1", "true", ("x y", "z"), ""], ["", "0.25", "", "", "7"]]
        assert read.rows[0].words("d") == ("x y", "z") and read.rows[1].place == "line 3"

    def test_an_object_in_a_cell_is_refused_where_it_is_used(self, tmp_path: Path) -> None:
        (row,) = table(tmp_path, '{"a":{"x":[1]},"b":"ok"}\n', "t.jsonl").rows
        assert row.text("b") == "ok"
        with pytest.raises(ProjectError, match=r'line 1: a is {"x": \[1\]}; it must be a text'):
            row.text("a")

    @pytest.mark.parametrize(
        ("line", "message"),
        [
            ('{"a":1', "line 2: it is not JSON"),
            ("[1, 2]", "line 2: it must be one JSON object"),
            ("[" * 100_000, "line 2: it is nested too deeply"),
            ('{"a":"\\udc41"}', r"line 2: '\\udc41' has a NUL character or half of one"),
            ('{"a":["\\u0000"]}', "line 2: .* has a NUL character"),
            ('{"b":1,"b":2}', "line 2: it is not JSON .it names 'b' twice"),
        ],
    )
    def test_a_broken_line_is_named(self, tmp_path: Path, line: str, message: str) -> None:
        with pytest.raises(ProjectError, match=message) as caught:
            table(tmp_path, '{"a":"fine"}\n' + line + "\n", "t.jsonl")
        assert len(str(caught.value).splitlines()) == 1


def test_a_missing_table_is_named_with_those_in_its_folder(tmp_path: Path) -> None:
    (tmp_path / "folds.ods").touch()
    with pytest.raises(ProjectError, match=r"is not a file; it must be the table.*'folds\.ods'\?"):
        read_table(tmp_path / "folds.csv", "the table of folds", [].append)


def test_a_named_pipe_is_refused_and_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "t.csv")
    with pytest.raises(ProjectError, match="is not a file; it must be a table"):
        read_table(tmp_path / "t.csv", "a table", [].append)


def test_a_row_says_where_it_is(tmp_path: Path) -> None:
    assert (
        Row(Header(tmp_path / "t.xlsx", "row", {}), 7, []).where == f"{tmp_path / 't.xlsx'}, row 7"
    )
