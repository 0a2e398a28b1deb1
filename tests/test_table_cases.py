"""The cases of tables that people reported, where they are beside the project."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from extract.backbones import imported
from extract.corpus.read import Corpus, read_corpus
from extract.media.rows import FeatureRows
from extract.network.compute import CPU
from features.errors import ProjectError
from features.specs.heads import ProtocolSpec
from features.specs.tracks import CorpusSpec, LeafSpec
from tests.conftest import ROOT
from train.folds.split import split_corpus

CASES = Path(os.environ.get("PERMAFROST_CASES") or ROOT.parent / "shared" / "cases")
pytestmark = pytest.mark.skipif(not CASES.is_dir(), reason=f"{CASES} is not there")


def read(case: str, file: str, folder: Path | None = None, **options: Any) -> Corpus:
    leaf = LeafSpec("table", {"file": file, **options})
    return read_corpus(CorpusSpec("mine", folder or CASES / case, leaf))


def made(case: str, folder: Path) -> Path:
    """The folder with the files that the case's maker writes."""
    subprocess.run([sys.executable, CASES / case / "make.py", folder], check=True)
    return folder


def test_quotation_marks_of_a_tab_separated_table_are_words() -> None:
    corpus = read("tsv-quotes", "clips.tsv")
    second = (corpus.utterances[1], corpus.labels[1])
    assert [u.id for u in corpus.utterances] == ["u0", "u1", "u2", "u3", "u4"]
    assert (second[0].text, second[0].speaker, second[1].emotion) == (
        '"I never said that', "bob", "anger",
    )  # fmt: skip


def test_causes_in_lists_a_stated_separator_and_codes() -> None:
    case = "table-messages"
    assert [x.causes for x in read(case, "causes.jsonl").labels] == [("a", "b"), ()]
    assert [x.emotion for x in read(case, "sep-line.csv").labels] == ["joy"]
    codes = read(case, "codes.csv", emotions={"01": "joy", "02": "anger"})
    assert [x.emotion for x in codes.labels] == ["joy", "anger"]


@pytest.mark.parametrize(
    ("file", "message"),
    [
        ("clips.xlsx", "cannot be read as a spreadsheet"),
        ("same-names.csv", r"line 3: its id is 'take0'.*that of line 2.*columns: {id: COLUMN}"),
        ("clips.csv", r"The tables in its folder are 'causes\.jsonl'"),
    ],
)
def test_what_cannot_be_read_is_one_line(file: str, message: str) -> None:
    with pytest.raises(ProjectError, match=message) as caught:
        read("table-messages", file)
    assert len(str(caught.value).splitlines()) == 1


def test_the_label_table_of_mmsa_has_scores_splits_and_paths() -> None:
    plain = read("mmsa-layout", "label.csv")
    assert {x.emotion for x in plain.labels} == {None}
    assert any("'label' is not used as emotion: it has numbers" in n for n in plain.notes)
    columns = {
        "id": "{video_id}_{clip_id}", "audio": "Raw/{video_id}/{clip_id}.mp4",
        "valence": "label", "sentiment": "annotation",
    }  # fmt: skip
    corpus = read("mmsa-layout", "label.csv", columns=columns)
    third, label = corpus.utterances[2], corpus.labels[2]
    assert (third.id, third.video) == ("v0_0002", "Raw/v0/0002.mp4")
    assert (label.split, label.valence, label.sentiment) == ("dev", -0.6, "Negative")


def test_control_characters_are_the_words_they_were() -> None:
    texts = [u.text for u in read("c1-characters", "clips.csv").utterances]
    assert texts[:2] == texts[2:] == ["We’re late again…", "“No” – she won’t"]


def test_a_dialogue_with_one_turn_without_a_number_is_refused() -> None:
    with pytest.raises(ProjectError, match="line 4: turn is empty, but other turns of .* 'd'"):
        read("blank-turn", "clips.csv")


def test_spellings_of_speakers_are_doubted() -> None:
    notes = [n for n in read("speaker-spellings", "clips.csv").notes if n.startswith("speaker:")]
    assert len(notes) == 3 and "'ANNA' 1, 'Anna' 2, 'anna' 1" in notes[0]


def test_copies_under_other_names_are_named_and_refused(tmp_path: Path) -> None:
    folder = made("same-recording-twice", tmp_path)
    corpus = read("", "clips.csv", folder / "people-copies")
    assert any(note.startswith("24 recordings occur under several ids") for note in corpus.notes)
    protocol = ProtocolSpec(LeafSpec("speaker-folds", {"num_folds": 3, "seed": 0}))
    with pytest.raises(ProjectError, match="the same recording has two speakers"):
        split_corpus(protocol, corpus.labels, "x")
    clean = read("", "clips.csv", folder / "people-ok")
    assert {x.recording for x in clean.labels} == {None}
    split_corpus(protocol, clean.labels, "x")


@pytest.mark.parametrize("rate_hz", [25.0, None])
def test_faces_are_cut_by_time_and_lost_ones_are_missing(
    tmp_path: Path, rate_hz: float | None
) -> None:
    folder = made("face-rows", tmp_path)
    backbone = imported.load(
        CPU, modality="video", features="of", dim=2, columns=["AU*_r"], rate_hz=rate_hz
    )
    tracks = {
        name: backbone.prepare(
            FeatureRows(folder / "of" / f"{name}.csv", name, name, 0, 1, ((1.0, 3.0),))
        ).windows
        for name in ("c00", "c02", "c04")
    }
    for name in ("c00", "c02"):
        first = tracks[name][0].values[:, 0].tolist()
        assert first == pytest.approx([n / 100 for n in range(25, 75)])
    assert tracks["c04"] == ()
