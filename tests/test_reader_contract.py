"""Every corpus reader keeps its contract; all violations of one that does not are reported."""

from pathlib import Path

import pytest

from extract.corpus.read import read_corpus
from features.errors import ProjectError
from features.leaves import leaf_names, load_leaf
from tests.corpus_layouts import LAYOUTS, write_wav
from tests.reader_contract import Layouts, reader_violations
from tests.reader_world import corpus, read

NAMES = leaf_names("extract/corpora")


@pytest.fixture(autouse=True)
def _own_pool(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PERMAFROST_PARTS", str(tmp_path / "parts"))


def violations(folder: str, name: str, layouts: Layouts, tmp_path: Path) -> list[str]:
    (tmp_path / "corpus").mkdir()
    return reader_violations(folder, name, layouts, tmp_path / "corpus")


def write_one_clip(root: Path) -> None:
    write_wav(root / "a.wav")


@pytest.mark.parametrize("name", NAMES)
class TestEveryReader:
    def test_it_keeps_the_contract(self, name: str, tmp_path: Path) -> None:
        problems = violations("extract/corpora", name, LAYOUTS, tmp_path)
        assert not problems, "\n".join(problems)

    def test_the_corpus_is_complete(self, name: str, tmp_path: Path) -> None:
        result = read(name, tmp_path)
        for utterance, label in zip(result.utterances, result.labels, strict=True):
            assert label.speaker == utterance.speaker and label.dialogue == utterance.dialogue
            assert utterance.audio is None or utterance.audio_digest is not None
            assert utterance.video is None or utterance.video_digest is not None
            assert all(file.digest is not None for file in utterance.features.values())

    def test_an_empty_folder_is_refused_in_one_line(self, name: str, tmp_path: Path) -> None:
        with pytest.raises(ProjectError) as caught:
            read_corpus(corpus(name, tmp_path, **LAYOUTS[name][1]))
        assert len(str(caught.value).splitlines()) == 1
        assert str(tmp_path) in str(caught.value) or "it has no utterances" in str(caught.value)

    def test_a_folder_that_deviates_from_the_published_counts_is_noted(
        self, name: str, tmp_path: Path
    ) -> None:
        if not hasattr(load_leaf("extract/corpora", name), "expected"):
            pytest.skip("this reader has no published counts")
        if name == "msp-podcast":
            pytest.skip("its counts change from release to release; the reader notes them itself")
        assert any(" instead of " in note or "but the corpus has" in note
                   for note in read(name, tmp_path).notes)  # fmt: skip


def test_no_layout_is_without_a_reader() -> None:
    assert set(LAYOUTS) <= set(NAMES)


def test_for_a_reader_without_a_layout_it_says_what_to_add(tmp_path: Path) -> None:
    (problem,) = violations("extract/corpora", "demo", {}, tmp_path)
    assert problem.startswith("extract/corpora/demo.py: it has no layout; add to tests/corpus_lay")
    assert problem.endswith("name it there in LAYOUTS: 'demo': (FUNCTION, SETTINGS)")


def test_for_a_file_without_read_it_says_what_to_define(tmp_path: Path) -> None:
    (problem,) = violations("tests", "corpus-layouts", {}, tmp_path)
    assert problem.endswith("it has no function read(root, note, *, SETTINGS)")


def test_a_layout_that_does_not_fit_its_reader_is_reported(tmp_path: Path) -> None:
    layouts: Layouts = {"mosi": (write_one_clip, {"num_dev_vidoes": 1})}
    unknown, refused = violations("extract/corpora", "mosi", layouts, tmp_path)
    assert "has no setting 'num_dev_vidoes'" in unknown and "Did you mean" in unknown
    assert "read raises TypeError" in refused


WRONG = """
it has no docstring
read must take root and note, and its settings as keywords only
expected must take the settings of read, with the same defaults
read has the setting 'folds', which every corpus has
RANGES cannot be read from the source text
SAME_RECORDINGS has 'nobody', not a file in extract/corpora
FEATURES has 'video', a modality
the settings of read cannot be read from the source text
reading twice gives different utterances, labels or notes
read changes the folder of the corpus
is not one line
item 4 that read gives is not a pair of Utterance and Label
the id of an utterance is empty
the utterance 'a' comes with the label 'b'
the label 'b': split is 'val'; it must be one of 'dev', 'test', 'train' or null
the utterance 'a': the path '/a.wav' is not inside the root
the utterance 'c': text is empty
the utterance 'c': start_s is 2.0 and end_s 1.0
the label 'c': phq8 is 25.0; it must be 0 to 24
the utterance 'c': the file 'c.mp4' does not exist
the utterance 'd': turn is 1 without a dialogue
the label 'd': valence is 'high'; it must be a number or null
the label 'd': emotion is empty
the utterance 'd': it has neither text nor files
the utterance 'f': a segment starts at 1.0 and ends at 0.5
the label 'f': arousal is nan; it must be a number or null
the label 'f': speaker is set; read_corpus fills it in
the label 'f': phq8_items is (4,); it must be eight answers, each 0 to 3
the label 'f': depression is 'yes'
the utterance 'f': its features 'faces' are not in FEATURES
the utterance 'f': the digest of a feature file is set
the utterance 'g': video_box is (0.5, 0.0, 0.0, 1.0)
the utterance 'i': audio_channel is -1
the utterance 'i': segments is empty
the id 'i' occurs 2 times
the utterance 'h' has the cause 'a'
the dialogue 'x' has turns with and without a number
the dialogue 'x' is in None and test and train
the turn 1 of the dialogue 'x' ('h') comes after its turn 2
the dialogue 'x' is interrupted by another
"""


def test_all_violations_of_a_reader_are_reported_at_once(tmp_path: Path) -> None:
    layouts: Layouts = {"wrong-reader": (write_one_clip, {})}
    problems = violations("tests", "wrong-reader", layouts, tmp_path)
    for problem, words in zip(problems, WRONG.strip().splitlines(), strict=True):
        assert problem.startswith("tests/wrong_reader.py: ") and words in problem
