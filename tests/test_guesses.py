"""What the table of a user's own corpus may look like: guesses, paths, ids, lists, codes."""

import json
import unicodedata
from pathlib import Path
from typing import Any

import pytest

from extract.corpus.read import read_corpus
from features.errors import ProjectError
from features.params.load import parse_params
from features.params.yaml_files import parse_yaml, read_yaml
from features.specs.tracks import CorpusSpec, LeafSpec
from tests.conftest import ROOT
from tests.corpus_layouts import write_wav
from tests.test_own_table import own


def scored(*scores: str) -> list[Any]:
    rows: list[Any] = [("id", "text", "label")]
    return rows + [(f"u{n}", "hm", score) for n, score in enumerate(scores)]


class TestScales:
    def test_numbers_with_fractions_are_not_taken_for_classes(self, tmp_path: Path) -> None:
        read = own(tmp_path, scored("0.0", "-0.35", "1.0"), clips="")
        assert {x.emotion for x in read.labels} == {None}
        note = (
            "column 'label' is not used as emotion: it has numbers such as -0.35, which are not "
            "classes. 'columns: {valence: label}' predicts such numbers"
        )
        assert note in read.notes and "columns that are not used: 'label'" in read.notes
        named = own(tmp_path, scored("0.0", "-0.35"), clips="", columns={"valence": "label"})
        assert [x.valence for x in named.labels] == [0.0, -0.35]

    def test_many_different_numbers_are_a_scale(self, tmp_path: Path) -> None:
        read = own(tmp_path, scored(*map(str, range(31))), clips="")
        assert any("it has 31 different numbers, which are not classes" in n for n in read.notes)

    @pytest.mark.parametrize("codes", [("-1", "0", "1"), ("01", "02"), ("joy", "0.5"), ("3", "")])
    def test_codes_are_classes(self, tmp_path: Path, codes: tuple[str, ...]) -> None:
        read = own(tmp_path, scored(*codes), clips="")
        assert [x.emotion or "" for x in read.labels] == list(codes)

    def test_a_scale_that_is_named_for_classes_is_refused_with_the_way_out(
        self, tmp_path: Path
    ) -> None:
        fault = (
            r"columns\.sentiment is 'label', and it has numbers such as 0\.5, .*\{valence: label\}"
        )
        with pytest.raises(ProjectError, match=fault):
            own(tmp_path, scored("0.5", "2"), clips="", columns={"sentiment": "label"})
        names = {"0.5": "low", "2": "high"}
        read = own(tmp_path, scored("0.5", "2"), clips="", emotions=names)
        assert [x.emotion for x in read.labels] == ["low", "high"]


class TestSplits:
    def test_mode_is_a_split_where_its_values_say_so(self, tmp_path: Path) -> None:
        rows = [
            ("id", "text", "mode"),
            ("a", "x", "Train"),
            ("b", "x", "validation"),
            ("c", "x", ""),
        ]
        assert [x.split for x in own(tmp_path, rows, clips="").labels] == ["train", "dev", None]
        rows[1] = ("a", "x", "major")
        read = own(tmp_path, rows, clips="")
        assert {x.split for x in read.labels} == {None}
        assert any("not used: 'mode'" in note for note in read.notes)


class TestPaths:
    ROWS = [
        ("video", "clip", "text", "emotion"),
        ("v1", "a", "hm", "joy"),
        ("v2", "a", "ah", "sad"),
        ("v2", "", "oh", "sad"),
    ]

    def test_a_path_may_be_put_together_of_columns(self, tmp_path: Path) -> None:
        write_wav(tmp_path / "raw/v1/a.wav")
        columns = {
            "audio": "raw/{video}/{clip}.wav", "id": "{video}_{clip}", "video": "",
        }  # fmt: skip
        read = own(tmp_path, self.ROWS[:3], clips="", columns=columns)
        assert [(u.id, u.audio) for u in read.utterances] == [
            ("v1_a", "raw/v1/a.wav"), ("v2_a", "raw/v2/a.wav"),
        ]  # fmt: skip
        assert read.utterances[0].audio_digest and not read.utterances[1].audio_digest
        empty = own(tmp_path, self.ROWS, clips="", columns={**columns, "id": "text"})
        assert empty.utterances[2].audio is None

    @pytest.mark.parametrize(
        ("pattern", "fault"),
        [
            ("raw/{vidoe}.wav", r"has no column 'vidoe'; it has .* Did you mean 'video'\?"),
            ("raw/{video", r"has no such column"),
            ("raw/{video:>8}.wav", r"has no such column"),
            ("raw/{}.wav", r"has no column ''"),
        ],
    )
    def test_a_wrong_pattern_is_refused(self, tmp_path: Path, pattern: str, fault: str) -> None:
        with pytest.raises(ProjectError, match=fault):
            own(tmp_path, self.ROWS, clips="", columns={"audio": pattern})

    def test_backslashes_are_slashes_where_there_is_no_such_file(self, tmp_path: Path) -> None:
        write_wav(tmp_path / "take/one.wav")
        write_wav(tmp_path / "take\\two.wav")
        rows = [("wav", "emotion"), ("take\\one.wav", "joy"), ("take\\two.wav", "sad")]
        read = own(tmp_path, rows, clips="")
        assert [u.audio for u in read.utterances] == ["take/one.wav", "take\\two.wav"]
        assert read.utterances[0].id == "one" and all(u.audio_digest for u in read.utterances)
        assert any(n.startswith("1 paths have backslashes, which are read as") for n in read.notes)

    def test_names_in_another_normal_form_are_found(self, tmp_path: Path) -> None:
        composed, decomposed = (unicodedata.normalize(form, "Ané/é.wav") for form in ("NFC", "NFD"))
        write_wav(tmp_path / decomposed)
        (tmp_path / unicodedata.normalize("NFD", "Ané/é.csv")).write_text("1,2\n")
        rows = [("wav", "emotion"), (composed, "joy")]
        read = own(tmp_path, rows, clips="")
        assert read.utterances[0].audio == decomposed and read.utterances[0].audio_digest
        leaf = LeafSpec("table", {"file": "clips.csv"})
        spec = CorpusSpec(
            "mine", tmp_path, leaf, {"of": unicodedata.normalize("NFC", "Ané/{audio}.csv")}
        )
        assert read_corpus(spec).utterances[0].features["of"].digest

    def test_a_table_without_media_lists_its_columns(self, tmp_path: Path) -> None:
        with pytest.raises(ProjectError, match="it has 'mood', 'takes'. Call one of them 'audio'"):
            own(tmp_path, [("takes", "mood"), ("1", "joy")], clips="")

    def test_the_channel_of_a_recording_may_be_a_column(self, tmp_path: Path) -> None:
        rows = [("wav", "audio_channel"), ("a.wav", "1"), ("b.wav", "")]
        assert [u.audio_channel for u in own(tmp_path, rows).utterances] == [1, None]
        rows[1] = ("a.wav", "-1")
        with pytest.raises(ProjectError, match="line 2: audio_channel is '-1'; it must be the num"):
            own(tmp_path, rows)


class TestIds:
    def test_ids_of_file_names_are_noted(self, tmp_path: Path) -> None:
        notes = own(tmp_path, [("wav", "emotion"), ("a.wav", "joy")]).notes
        assert any(n.startswith("no column is used as id; ids are the names of") for n in notes)

    def test_a_clash_of_file_names_names_both_rows_and_the_way_out(self, tmp_path: Path) -> None:
        rows = [("wav", "take"), ("x/1.wav", "p"), ("y/2.wav", "q"), ("y/1.wav", "r")]
        with pytest.raises(ProjectError) as caught:
            own(tmp_path, rows, clips="")
        message = str(caught.value)
        assert (
            "clips.csv, line 4: its id is '1', from 'y/1.wav', the same as that of line 2"
            in message
        )
        assert "columns: {id: COLUMN}" in message and "'take', 'wav'" in message

    def test_a_clash_of_ids_names_both_rows(self, tmp_path: Path) -> None:
        with pytest.raises(ProjectError, match="line 4: key is 'b', as in line 2; ids must be"):
            own(tmp_path, [("key", "text"), ("b", "x"), ("c", "y"), ("b", "z")], clips="")


def test_lists_in_json_are_lists(tmp_path: Path) -> None:
    rows = [
        {"id": "a 1", "text": "hm", "dialogue": "d", "emotion": "joy", "causes": ["a 1", "b"]},
        {"id": "b", "text": "ah", "dialogue": "d", "emotion": None, "causes": []},
        {"id": "c", "text": "oh", "dialogue": "d", "emotion": "joy", "causes": "b"},
    ]
    (tmp_path / "t.jsonl").write_text("\n".join(map(json.dumps, rows)))
    read = read_corpus(CorpusSpec("mine", tmp_path, LeafSpec("table", {"file": "t.jsonl"})))
    assert [x.causes for x in read.labels] == [("a 1", "b"), (), ("b",)]
    rows[0]["text"] = ["h", "m"]
    (tmp_path / "t.jsonl").write_text("\n".join(map(json.dumps, rows)))
    with pytest.raises(ProjectError, match=r"line 1: text is \('h', 'm'\); it must be a text"):
        read_corpus(CorpusSpec("mine", tmp_path, LeafSpec("table", {"file": "t.jsonl"})))


@pytest.mark.parametrize("setting", ["emotions: {007: joy}", "splits: {2: dev}"])
def test_codes_that_yaml_takes_for_numbers_must_be_quoted(setting: str) -> None:
    raw = read_yaml(ROOT / "recipes" / "demo.yaml")
    raw["corpora"]["mine"] = parse_yaml(f"{{code: table, root: r, file: f.csv, {setting}}}", "x")
    with pytest.raises(ProjectError, match="; quote codes as they are in the table, such as '01'"):
        parse_params(raw)
