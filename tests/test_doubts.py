"""What is doubted in every corpus: misread characters, spellings, half-filled columns."""

from pathlib import Path
from typing import Any

import pytest

from extract.corpus.read import read_corpus
from extract.corpus.texts import spellings
from features.checks import corpus_problems
from features.errors import ProjectError
from features.manifest import Label, Utterance
from features.tables.characters import as_cp1252
from tests.reader_world import corpus, made
from tests.test_own_table import own


class TestControlCharacters:
    def test_they_are_the_bytes_of_cp1252(self) -> None:
        assert as_cp1252("\x80 5 \x97 \x84so\x94\x85 \x81\x9d") == "€ 5 — „so”… \x81\x9d"

    def test_words_and_names_are_read_with_them_and_counted(self, tmp_path: Path) -> None:
        rows = [
            ("id", "text", "speaker", "emotion"),
            ("a", "\x84Nein\x93, sagte er\x85", "Zo\x92", "w\x9ctend"),
            ("b", "„Nein“, sagte er…", "Zo’", "wœtend"),
        ]
        read = own(tmp_path, rows, clips="")
        first, second = read.utterances
        assert (first.text, first.speaker) == (second.text, second.speaker)
        assert read.labels[0].emotion == read.labels[1].emotion
        note = (
            "1 utterances have control characters that are bytes of cp1252; they are read as such "
            "(U+0084"
        )
        assert any(line.startswith(note) and line.endswith(": a") for line in read.notes)

    def test_every_reader_is_read_with_them(self, tmp_path: Path) -> None:
        root, options = made("ecf", tmp_path)
        file = root / "Subtask_2_train.json"
        text = file.read_text().replace('"text": "', '"text": "\x91Tis', 1)
        file.write_text(text, encoding="utf-8")
        texts = [u.text or "" for u in read_corpus(corpus("ecf", root, **options)).utterances]
        assert sum(text.startswith("‘Tis") for text in texts) == 1

    def test_turns_of_sessions_are_read_with_them(self, tmp_path: Path) -> None:
        root, options = made("daic-woz", tmp_path)
        file = next(root.glob("*_P/*_TRANSCRIPT.csv"))
        lines = file.read_text(encoding="utf-8").split("\n")
        own_lines = [n for n, line in enumerate(lines) if "\tParticipant\t" in line]
        lines[own_lines[0]] += " well\x85"
        file.write_text("\n".join(lines), encoding="utf-8")
        sessions = read_corpus(corpus("daic-woz", root, **options)).utterances
        texts = [segment.text for u in sessions for segment in u.segments or ()]
        assert sum(text.endswith("well…") for text in texts) == 1


class TestSpellings:
    def test_names_that_differ_in_case_blanks_or_form_are_named(self) -> None:
        names = ["Åsa", "A\u030asa", "ÅSA", "Bo B", "BoB", "Cy", "Cy2", None]
        utterances = [Utterance(str(n), speaker=name) for n, name in enumerate(names)]
        spaced, alike = spellings(utterances, [])
        assert alike.startswith(
            "speaker: 'A\\u030asa' 1, 'ÅSA' 1, '\\xc5sa' 1 count as 3 different"
        )
        assert alike.endswith("differ only in case, spaces or Unicode form")
        assert spaced.startswith("speaker: 'Bo B' 1, 'BoB' 1 count as 2 different names")

    def test_sessions_dialogues_and_classes_are_too(self) -> None:
        utterances = [
            Utterance("a", session="S1", dialogue="d 1"),
            Utterance("b", session="s1", dialogue="D 1"),
        ]
        labels = [Label("a", emotion="Joy", sentiment="+"), Label("b", emotion="joy")]
        kinds = [line.split(":")[0] for line in spellings(utterances, labels)]
        assert kinds == ["session", "dialogue", "emotion"]

    def test_every_reader_is_doubted(self, tmp_path: Path) -> None:
        root, options = made("meld", tmp_path)
        table = root / "test_sent_emo.csv"
        table.write_text(table.read_text(encoding="utf-8").replace("Ross", "ROSS"))
        notes = read_corpus(corpus("meld", root, **options)).notes
        assert any(note.startswith("speaker: 'ROSS' 1, 'Ross' 4 count as 2") for note in notes)


def turns(*numbers: str) -> list[Any]:
    rows: list[Any] = [("id", "text", "dialogue", "turn", "emotion")]
    return rows + [(f"u{n}", "hm", "dia 7", number, "joy") for n, number in enumerate(numbers)]


class TestHalfFilled:
    def test_a_turn_without_a_number_among_others_is_refused_with_its_row(
        self, tmp_path: Path
    ) -> None:
        fault = (
            r"clips\.csv, line 3: turn is empty, but other turns of the dialogue 'dia 7' have "
            r"numbers \(line 2\)"
        )
        with pytest.raises(ProjectError, match=fault):
            own(tmp_path, turns("5", "", "6"), clips="")
        with pytest.raises(ProjectError, match="2 problems"):
            own(tmp_path, turns("", "0", ""), clips="")

    def test_turns_without_any_number_are_in_the_order_of_their_rows(self, tmp_path: Path) -> None:
        read = own(tmp_path, turns("", "", ""), clips="")
        assert [u.id for u in read.utterances] == ["u0", "u1", "u2"]

    @pytest.mark.parametrize("turn", ["0.75", "1,5", "two", "1e400"])
    def test_a_turn_is_a_whole_number(self, tmp_path: Path, turn: str) -> None:
        with pytest.raises(ProjectError, match=f"line 3: turn is '{turn}'; it must be a whole"):
            own(tmp_path, turns("1", turn), clips="")
        read = own(tmp_path, turns("-3", "2.0"), clips="")
        assert [u.turn for u in read.utterances] == [-3, 2]

    def test_every_reader_must_number_all_turns_of_a_dialogue_or_none(self) -> None:
        utterances = [
            Utterance("a", text="x", dialogue="d", turn=1),
            Utterance("b", text="x", dialogue="d"),
            Utterance("c", text="x", dialogue="e"),
        ]
        (problem,) = corpus_problems(utterances, [Label(u.id) for u in utterances])
        assert problem.startswith("the dialogue 'd' has turns with and without a number: 'b' has")

    def test_other_columns_that_are_empty_in_some_rows_are_noted(self, tmp_path: Path) -> None:
        rows = [
            ("id", "text", "speaker", "session", "start", "end", "emotion"),
            ("a", "x", "s", "1", "0", "1", "joy"),
            ("b", "x", "", "1", "1", "", "joy"),
            ("c", "x", "", "1", "2", "3", "joy"),
        ]
        notes = own(tmp_path, rows, clips="").notes
        assert "speaker: column 'speaker' is empty in 2 of 3 rows; the first is line 3" in notes
        assert "end_s: column 'end' is empty in 1 of 3 rows; the first is line 3" in notes
        assert not any(note.startswith(("session:", "start_s:", "text:")) for note in notes)


def test_half_of_a_character_is_refused_by_its_utterance() -> None:
    utterances = [Utterance("a", text="fine"), Utterance("b", text="x\udc00")]
    (problem,) = corpus_problems(utterances, [Label("a"), Label("b")])
    assert problem.startswith("the utterance 'b' has half of a character ('\\udc00', a lone")
