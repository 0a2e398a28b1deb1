"""A corpus of your own: what is guessed, what is noted, and what is refused."""

from pathlib import Path
from typing import Any

import pytest

from app.corpora.counts import counts_of
from extract.corpus.read import Corpus, read_corpus
from features.errors import ProjectError
from features.manifest import Utterance
from features.specs.tracks import CorpusSpec, LeafSpec
from tests.corpus_layouts import write_rows, write_wav

ROWS = [
    ("wav", "words", "label", "who", "set"),
    ("a.wav", "Hello.", "happy", "ann", "train"),
    ("b.wav", "No!", "angry", "bob", "val"),
    ("c.wav", "", "happy", "cid", "test"),
]


def own(root: Path, rows: Any = ROWS, clips: str = "abc", **options: Any) -> Corpus:
    write_rows(root / "clips.csv", rows)
    for name in clips:
        write_wav(root / f"{name}.wav")
    common = {
        k: options.pop(k)
        for k in ("known_bad", "use_anyway", "folds", "duplicates")
        if k in options
    }
    leaf = LeafSpec("table", {"file": "clips.csv", **options})
    return read_corpus(CorpusSpec("mine", root, leaf, **common))


def test_columns_are_guessed_and_the_guesses_are_noted(tmp_path: Path) -> None:
    corpus = own(tmp_path)
    assert corpus.utterances[0].audio == "a.wav" and corpus.utterances[0].speaker is None
    assert [x.split for x in corpus.labels] == ["train", "dev", "test"]
    assert [x.emotion for x in corpus.labels] == ["happy", "angry", "happy"]
    assert "column 'wav' is used as audio" in corpus.notes
    assert "column 'label' is used as emotion" in corpus.notes
    assert "columns that are not used: 'who', 'words'" in corpus.notes
    assert not any("angry" in note for note in corpus.notes)
    counts = counts_of(corpus.labels)
    assert counts == ["3 utterances", "split: dev 1, test 1, train 1", "emotion: angry 1, happy 2"]


def test_columns_that_are_named_are_not_guessed(tmp_path: Path) -> None:
    corpus = own(tmp_path, columns={"text": "words", "speaker": "who", "split": ""})
    assert [u.text for u in corpus.utterances] == ["Hello.", "No!", None]
    assert {u.speaker for u in corpus.utterances} == {"ann", "bob", "cid"}
    assert {x.split for x in corpus.labels} == {None}


def test_causes_are_ids_separated_by_spaces(tmp_path: Path) -> None:
    rows = [
        ("id", "text", "dialogue", "turn", "emotion", "cause"),
        ("a", "Hello.", "1", "0", "neutral", ""),
        ("b", "No!", "1", "1", "anger", "a  b"),
    ]
    corpus = own(tmp_path, rows, clips="")
    assert [x.causes for x in corpus.labels] == [(), ("a", "b")]
    assert [x.is_cause for x in corpus.labels] == ["cause", "cause"]
    assert [x.turn for x in corpus.labels] == [0, 1]
    rows[2] = ("b", "No!", "1", "1", "anger", "nobody")
    with pytest.raises(ProjectError, match="'b' has the cause 'nobody', which is not in its"):
        own(tmp_path, rows, clips="")
    assert {x.causes for x in own(tmp_path / "plain").labels} == {None}


def test_labels_and_splits_are_mapped(tmp_path: Path) -> None:
    corpus = own(
        tmp_path, emotions={"happy": "joy", "angry": ""},
        splits={"train": "train", "val": "test", "test": "dev"},
    )  # fmt: skip
    assert [x.emotion for x in corpus.labels] == ["joy", None, "joy"]
    assert [x.split for x in corpus.labels] == ["train", "test", "dev"]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"columns": {"text": "wrds"}}, r"columns\.text is 'wrds'.*Did you mean 'words'\?"),
        ({"columns": {"txt": "words"}}, r"columns names the field 'txt'.*Did you mean 'text'\?"),
        ({"emotions": {"happy": "joy"}}, "line 3: label is 'angry', which 'emotions' does not"),
        ({"splits": {"train": "train"}}, r"line 3: set is 'val'; it must be one of 'train'"),
        ({"columns": {"audio": "", "text": ""}}, "has no column of texts, audio or video files"),
        ({"columns": {"valence": "who"}}, "line 2: who is 'ann'; it must be a number"),
        ({"use_anyway": ["a"]}, "use_anyway names 'a', which is not known to be bad"),
        ({"known_bad": {"x": "noisy"}}, "known_bad names 'x', which the corpus does not have"),
    ],
)  # fmt: skip
def test_each_error_is_one_line(tmp_path: Path, options: dict[str, Any], message: str) -> None:
    with pytest.raises(ProjectError, match=message) as caught:
        own(tmp_path, **options)
    assert len(str(caught.value).splitlines()) == 1


def test_missing_clips_are_counted_and_named(tmp_path: Path) -> None:
    rows = [ROWS[0], *((f"{n}.wav", "", "happy", "x", "train") for n in range(10))]
    corpus = own(tmp_path, rows, clips="123456789")
    assert "1 audio files of 10 utterances (10.0 %) do not exist: 0.wav" in corpus.notes


def test_classes_that_differ_in_case_alone_are_noted(tmp_path: Path) -> None:
    rows = [*ROWS, ("a2.wav", "", "Happy", "ann", "train")]
    note = (
        "emotion: 'Happy' 1, 'happy' 2 count as 2 different names, but differ only in case, spaces"
    )
    assert any(line.startswith(note) for line in own(tmp_path, rows).notes)


def test_bad_utterances_are_named_and_can_be_lifted(tmp_path: Path) -> None:
    corpus = own(tmp_path, known_bad={"b": "a door slams"})
    assert corpus.utterances[1].known_bad == "a door slams"
    assert "the media of b are not used: a door slams" in corpus.notes
    lifted = own(tmp_path, known_bad={"b": "a door slams"}, use_anyway=["b"])
    assert lifted.utterances[1].known_bad is None


def test_a_fold_file_that_names_unknown_ids_is_refused(tmp_path: Path) -> None:
    write_rows(tmp_path / "folds.csv", [("clip", "mine"), ("a", 1), ("bb", 2)])
    with pytest.raises(ProjectError, match=r"folds\.csv, line 3: clip is 'bb', an utterance that"):
        own(tmp_path, folds="folds.csv")
    write_rows(tmp_path / "folds.csv", [("clip", "mine"), ("a", 1), ("b", 2), ("c", 2)])
    assert [x.folds for x in own(tmp_path, folds="folds.csv").labels] == [
        {"mine": "1"}, {"mine": "2"}, {"mine": "2"},
    ]  # fmt: skip


def test_videos_are_audio_too_and_dialogues_are_put_in_order(tmp_path: Path) -> None:
    rows = [("path", "dialogue", "turn", "label"), ("x.mp4", "d", 2, "a"), ("y.mp4", "e", 1, "b"),
            ("z.mp4", "d", 1, "a")]  # fmt: skip
    corpus = own(tmp_path, rows, clips="")
    assert [u.id for u in corpus.utterances] == ["z", "x", "y"]
    assert all(u.audio == u.video for u in corpus.utterances)


def test_json_lines_are_read_like_a_table(tmp_path: Path) -> None:
    (tmp_path / "c.jsonl").write_text(
        '{"text": "hm", "emotion": "joy", "id": "1"}\n{"text": "ah", "id": 2}\n'
    )
    corpus = read_corpus(CorpusSpec("mine", tmp_path, LeafSpec("table", {"file": "c.jsonl"})))
    assert corpus.utterances == [Utterance("1", text="hm"), Utterance("2", text="ah")]
    (tmp_path / "c.jsonl").write_text("[1]\n")
    with pytest.raises(ProjectError, match=r"c\.jsonl, line 1: it must be one JSON object"):
        read_corpus(CorpusSpec("mine", tmp_path, LeafSpec("table", {"file": "c.jsonl"})))


def test_utterances_of_one_recording_have_ids_of_their_own(tmp_path: Path) -> None:
    rows: list[Any] = [("wav", "start", "end", "label"), ("a.wav", 0, 1, "x")]
    rows += [("a.wav", 1.5, 2, "y"), ("", "", "", "")]
    write_wav(tmp_path / "a.wav", 2.0)
    corpus = own(tmp_path, rows, clips="")
    ends = {u.id: (u.start_s, u.end_s) for u in corpus.utterances}
    assert ends == {"a-0": (0, 1), "a-1.5": (1.5, 2)}
    assert "clips.csv: 1 rows are blank and left out, the first is line 4" in corpus.notes
    with pytest.raises(ProjectError, match=r"starts at 2\.0 s and ends at 1\.0 s"):
        own(tmp_path, [rows[0], ("a.wav", 2, 1, "x")], clips="a")


def test_paths_that_leave_the_root_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ProjectError, match=r"'a' has the path '\.\./a\.wav'"):
        own(tmp_path, [ROWS[0], ("../a.wav", "", "x", "", "train")], clips="")
    with pytest.raises(ProjectError, match=r"corpora\.mine\.folds is '\.\./f\.csv'"):
        own(tmp_path, folds="../f.csv")


def test_a_missing_table_is_refused_with_the_tables_of_the_folder(tmp_path: Path) -> None:
    (tmp_path / "clip.csv").write_text("text\nhm\n")
    with pytest.raises(ProjectError, match=r"folder are 'clip\.csv'\. Did you mean 'clip\.csv'\?"):
        read_corpus(CorpusSpec("mine", tmp_path, LeafSpec("table", {"file": "clips.csv"})))
