"""A corpus of one's own: what is guessed, what is told, and what is refused."""

from pathlib import Path
from typing import Any

import pytest

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
    common = {k: options.pop(k) for k in ("known_bad", "use_anyway", "folds") if k in options}
    leaf = LeafSpec("table", {"file": "clips.csv", **options})
    return read_corpus(CorpusSpec("mine", root, leaf, **common))


def test_columns_are_guessed_and_the_guesses_told(tmp_path: Path) -> None:
    found = own(tmp_path)
    assert found.utterances[0].audio == "a.wav" and found.utterances[0].speaker is None
    assert [x.split for x in found.labels] == ["train", "dev", "test"]
    assert [x.emotion for x in found.labels] == ["happy", "angry", "happy"]
    assert "column 'wav' is taken for audio" in found.notes
    assert "column 'label' is taken for emotion" in found.notes
    assert "columns that are not used: 'who', 'words'" in found.notes
    assert "emotion: angry 1, happy 2" in found.notes


def test_columns_that_are_named_are_not_guessed(tmp_path: Path) -> None:
    found = own(tmp_path, columns={"text": "words", "speaker": "who", "split": ""})
    assert [u.text for u in found.utterances] == ["Hello.", "No!", None]
    assert {u.speaker for u in found.utterances} == {"ann", "bob", "cid"}
    assert {x.split for x in found.labels} == {None}


def test_causes_are_ids_with_blanks_between_them(tmp_path: Path) -> None:
    rows = [
        ("id", "text", "dialogue", "turn", "emotion", "cause"),
        ("a", "Hello.", "1", "0", "neutral", ""),
        ("b", "No!", "1", "1", "anger", "a  b"),
    ]
    found = own(tmp_path, rows, clips="")
    assert [x.causes for x in found.labels] == [(), ("a", "b")]
    assert [x.is_cause for x in found.labels] == ["cause", "cause"]
    assert [x.turn for x in found.labels] == [0, 1]
    rows[2] = ("b", "No!", "1", "1", "anger", "nobody")
    with pytest.raises(ProjectError, match="'b' has the cause 'nobody', which is no utterance of"):
        own(tmp_path, rows, clips="")
    assert {x.causes for x in own(tmp_path / "plain").labels} == {None}


def test_labels_and_parts_are_mapped(tmp_path: Path) -> None:
    found = own(
        tmp_path, emotions={"happy": "joy", "angry": ""},
        splits={"train": "train", "val": "test", "test": "dev"},
    )  # fmt: skip
    assert [x.emotion for x in found.labels] == ["joy", None, "joy"]
    assert [x.split for x in found.labels] == ["train", "test", "dev"]


@pytest.mark.parametrize(
    ("options", "fault"),
    [
        ({"columns": {"text": "wrds"}}, r"columns\.text is 'wrds'.*Did you mean 'words'\?"),
        ({"columns": {"txt": "words"}}, r"columns names 'txt'.*Did you mean 'text'\?"),
        ({"emotions": {"happy": "joy"}}, "line 3: label is 'angry', which 'emotions' does not"),
        ({"splits": {"train": "train"}}, r"line 3: set is 'val'; known are 'train'"),
        ({"columns": {"audio": "", "text": ""}}, "names neither texts nor audio nor video"),
        ({"columns": {"valence": "who"}}, "line 2: who is 'ann'; it must be a number"),
        ({"use_anyway": ["a"]}, "use_anyway names 'a', which is not known to be bad"),
        ({"known_bad": {"x": "noisy"}}, "known_bad names 'x', which the corpus does not have"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_one_line(tmp_path: Path, options: dict[str, Any], fault: str) -> None:
    with pytest.raises(ProjectError, match=fault) as caught:
        own(tmp_path, **options)
    assert len(str(caught.value).splitlines()) == 1


def test_a_folder_that_lacks_clips_says_how_many_and_which(tmp_path: Path) -> None:
    rows = [ROWS[0], *((f"{n}.wav", "", "happy", "x", "train") for n in range(10))]
    found = own(tmp_path, rows, clips="123456789")
    assert "1 audio files of 10 utterances (10.0 %) do not exist: 0.wav" in found.notes


def test_classes_that_differ_in_case_alone_are_doubted(tmp_path: Path) -> None:
    rows = [*ROWS, ("a2.wav", "", "Happy", "ann", "train")]
    assert (
        "emotion: 2 ways of writing 'happy' count as different classes" in own(tmp_path, rows).notes
    )


def test_bad_items_are_named_and_can_be_lifted(tmp_path: Path) -> None:
    found = own(tmp_path, known_bad={"b": "a door slams"})
    assert found.utterances[1].known_bad == "a door slams"
    assert "the media of b are not used: a door slams" in found.notes
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


def test_films_are_sound_too_and_dialogues_are_put_in_order(tmp_path: Path) -> None:
    rows = [("path", "dialogue", "turn", "label"), ("x.mp4", "d", 2, "a"), ("y.mp4", "e", 1, "b"),
            ("z.mp4", "d", 1, "a")]  # fmt: skip
    found = own(tmp_path, rows, clips="")
    assert [u.id for u in found.utterances] == ["z", "x", "y"]
    assert all(u.audio == u.video for u in found.utterances)


def test_json_lines_are_read_like_a_table(tmp_path: Path) -> None:
    (tmp_path / "c.jsonl").write_text(
        '{"text": "hm", "emotion": "joy", "id": "1"}\n{"text": "ah", "id": 2}\n'
    )
    found = read_corpus(CorpusSpec("mine", tmp_path, LeafSpec("table", {"file": "c.jsonl"})))
    assert found.utterances == [Utterance("1", text="hm"), Utterance("2", text="ah")]
    (tmp_path / "c.jsonl").write_text("[1]\n")
    with pytest.raises(ProjectError, match=r"c\.jsonl, line 1: it must be one JSON object"):
        read_corpus(CorpusSpec("mine", tmp_path, LeafSpec("table", {"file": "c.jsonl"})))


def test_stretches_of_one_recording_are_told_apart(tmp_path: Path) -> None:
    rows: list[Any] = [("wav", "start", "end", "label"), ("a.wav", 0, 1, "x")]
    rows += [("a.wav", 1.5, 2, "y"), ("", "", "", "")]
    found = own(tmp_path, rows, clips="a")
    ends = {u.id: (u.start_s, u.end_s) for u in found.utterances}
    assert ends == {"a-0": (0, 1), "a-1.5": (1.5, 2)}
    assert "1 rows are blank and left out, the first is line 4" in found.notes
    with pytest.raises(ProjectError, match=r"begins at 2\.0 s and ends at 1\.0 s"):
        own(tmp_path, [rows[0], ("a.wav", 2, 1, "x")], clips="a")


def test_paths_that_leave_the_root_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ProjectError, match=r"'a' has the path '\.\./a\.wav'"):
        own(tmp_path, [ROWS[0], ("../a.wav", "", "x", "", "train")], clips="")
    with pytest.raises(ProjectError, match=r"corpora\.mine\.folds is '\.\./f\.csv'"):
        own(tmp_path, folds="../f.csv")


def test_a_missing_table_names_those_that_are_there(tmp_path: Path) -> None:
    (tmp_path / "clip.csv").write_text("text\nhm\n")
    with pytest.raises(ProjectError, match=r"there are 'clip\.csv'\. Did you mean 'clip\.csv'\?"):
        read_corpus(CorpusSpec("mine", tmp_path, LeafSpec("table", {"file": "clips.csv"})))
