"""Readers of corpora of dialogues and videos; published data have their published counts."""

from collections import Counter
from pathlib import Path

import pytest

from extract.corpus.read import read_corpus
from features.errors import ProjectError
from tests.corpus_layouts import write_rows, write_wav
from tests.reader_world import corpus, made, read


class TestIemocap:
    def test_of_four_emotions_excited_counts_as_happy_and_of_six_it_does_not(
        self, tmp_path: Path
    ) -> None:
        four = read("iemocap", tmp_path)
        assert [x.emotion for x in four.labels[:4]] == ["neutral", "happy", None, None]
        six = read_corpus(corpus("iemocap", tmp_path / "corpus", emotions="six"))
        assert [x.emotion for x in six.labels[:4]] == ["neutral", "excited", "frustrated", None]
        assert four.utterances == six.utterances

    def test_each_actor_has_a_half_of_the_frame(self, tmp_path: Path) -> None:
        first, second, *_ = read("iemocap", tmp_path).utterances
        assert first.speaker == "Ses01F" and first.video_box == (0.0, 0.0, 0.5, 1.0)
        assert second.speaker == "Ses01M" and second.video_box == (0.5, 0.0, 1.0, 1.0)
        assert first.video_stretch == (6.2901, 7.2901) and first.start_s is None
        assert first.video != first.audio and first.text == "Excuse me."

    def test_turns_are_in_order_and_have_dimensions(self, tmp_path: Path) -> None:
        iemocap = read("iemocap", tmp_path)
        assert [u.turn for u in iemocap.utterances] == [0, 1, 2, 3] * 2
        assert {u.session for u in iemocap.utterances} == {"Ses01", "Ses02"}
        first = iemocap.labels[0]
        assert (first.valence, first.arousal, first.dominance) == (2.5, 3.0, 3.5)

    def test_a_session_may_be_the_official_test_set(self, tmp_path: Path) -> None:
        iemocap = read("iemocap", tmp_path, test_session=2)
        assert [x.split for x in iemocap.labels] == ["train"] * 4 + ["test"] * 4

    def test_sessions_that_deviate_are_named(self, tmp_path: Path) -> None:
        notes = "\n".join(read("iemocap", tmp_path).notes)
        assert "Ses01 2 instead of 1085" in notes and "happy 2 instead of 1636" in notes


class TestEcf:
    def test_causes_are_the_ids_of_utterances(self, tmp_path: Path) -> None:
        ecf = read("ecf", tmp_path)
        assert ecf.labels[0].causes == ()
        assert ecf.labels[1].causes == ("conv-1-utt-1", "conv-1-utt-2")

    def test_the_challenge_tests_on_its_own_file(self, tmp_path: Path) -> None:
        ecf = read("ecf", tmp_path)
        assert [x.split for x in ecf.labels[::2]] == ["train", "dev", "train", "test"]
        own = read_corpus(corpus("ecf", tmp_path / "corpus", parts="ecf"))
        assert [x.split for x in own.labels[::2]] == ["train", "dev", "test"]


class TestMosi:
    def test_rows_are_found_whatever_their_order(self, tmp_path: Path) -> None:
        mosi = read("mosi", tmp_path)
        assert [x.split for x in mosi.labels] == ["test"] * 2 + ["train"] * 6 + ["dev"] * 2
        last = mosi.utterances[-1]
        assert last.dialogue == "v3" and last.turn == 5 and last.features["text-cnn"].row == 3
        assert {x.sentiment for x in mosi.labels} == {"negative", "positive"}


class TestMeld:
    def test_without_clips_there_is_text_only(self, tmp_path: Path) -> None:
        meld = read("meld", tmp_path)
        assert [u.id for u in meld.utterances] == [
            "train-dia0-utt0", "train-dia0-utt1", "train-dia125-utt3", "dev-dia0-utt0",
            "test-dia0-utt0",
        ]  # fmt: skip
        assert all(u.audio is None and u.known_bad is None for u in meld.utterances)
        assert meld.utterances[0].text == "I’m fine." and meld.labels[0].sentiment == "positive"

    def test_with_clips_bad_ones_are_known_and_lengths_are_compared_with_the_table(
        self, tmp_path: Path
    ) -> None:
        root, _ = made("meld", tmp_path)
        for name, seconds in (("dia0_utt0", 1.1), ("dia0_utt1", 4.0)):
            write_wav(root / f"{name}.wav", seconds)
            (root / "train_splits").mkdir(exist_ok=True)
            (root / f"{name}.wav").rename(root / "train_splits" / f"{name}.mp4")
        meld = read_corpus(corpus("meld", root))
        assert meld.utterances[0].audio == "train_splits/dia0_utt0.mp4"
        assert meld.utterances[2].known_bad == "the file is corrupt and cannot be decoded"
        assert meld.utterances[3].audio is None  # dev has no folder of clips
        assert (
            "1 clips contradict their annotated length: train-dia0-utt1 (4.00 s, annotated 1.00 s)"
        ) in meld.notes

    def test_the_centre_channel_is_recorded(self, tmp_path: Path) -> None:
        import numpy as np

        from tests.test_media import tone, write_container

        root, _ = made("meld", tmp_path)
        (root / "dev_splits_complete").mkdir()
        clip = root / "dev_splits_complete/dia0_utt0.mp4"
        write_container(clip, np.stack([tone(0.2)] * 6), "5.1")
        assert read_corpus(corpus("meld", root)).utterances[3].audio_channel == 2

    def test_a_missing_table_and_one_of_another_corpus_are_named(self, tmp_path: Path) -> None:
        root, _ = made("meld", tmp_path)
        write_rows(root / "dev_sent_emo.csv", [("a", "b"), (1, 2)])
        with pytest.raises(ProjectError, match=r"dev_sent_emo\.csv lacks the columns"):
            read_corpus(corpus("meld", root))
        (root / "dev_sent_emo.csv").unlink()
        with pytest.raises(ProjectError, match=r"dev_sent_emo\.csv is not a file"):
            read_corpus(corpus("meld", root))


# A speaker in two spellings, and two takes of an actor with the same bytes.
TWICE = (
    "1 recordings occur under several ids (equal bytes, equal stretch): "
    "03-01-03-01-02-01-07 = 03-01-03-01-02-02-07"
)
DOUBTS: dict[str, list[str]] = {
    "meld": [],
    "ecf": ["speaker: 'BILL' 2, 'Bill' 1"],
    "mosi": [],
    "ravdess": [TWICE],
}


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "count", "dialogues"),
    [("meld", 13708, 1432), ("ecf", 16720, 1715), ("mosi", 2199, 93), ("ravdess", 1440, 0)],
)
def test_published_data_have_their_published_counts(
    shared_data: Path, name: str, count: int, dialogues: int
) -> None:
    options = {} if name != "mosi" else {"num_dev_videos": 10}
    published = read_corpus(corpus(name, shared_data / name, **options))
    assert [note.split(" count as")[0].split("; ")[0] for note in published.notes] == DOUBTS[name]
    assert len(published.utterances) == count
    assert len({u.dialogue for u in published.utterances} - {None}) == dialogues
    if name == "meld":
        assert Counter(x.split for x in published.labels) == {
            "train": 9989,
            "dev": 1109,
            "test": 2610,
        }
