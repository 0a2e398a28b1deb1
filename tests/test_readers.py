"""Readers of corpora of single utterances and of long sessions: what each makes of its folder."""

from pathlib import Path

import pytest

from extract.corpus.read import read_corpus
from features.errors import ProjectError
from features.manifest import Segment
from tests.reader_world import corpus, made, read


def test_a_root_that_is_not_a_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(
        ProjectError, match=r"corpora\.demo\.root is .*absent', which is not a folder"
    ):
        read_corpus(corpus("demo", tmp_path / "absent"))


class TestMspImprov:
    def test_lines_of_the_consensus_are_read_and_those_of_raters_are_not(
        self, tmp_path: Path
    ) -> None:
        improv = read("msp-improv", tmp_path)
        assert [x.emotion for x in improv.labels] == ["angry", "happy", None, "sad"]
        assert [u.session for u in improv.utterances] == ["session1"] * 2 + ["session2"] * 2
        assert improv.utterances[0].speaker == "F01" and improv.labels[0].arousal == 2.4

    def test_a_turn_without_a_file_is_missing(self, tmp_path: Path) -> None:
        root, _ = made("msp-improv", tmp_path)
        next(root.rglob("*F02*.wav")).unlink()
        improv = read_corpus(corpus("msp-improv", root))
        assert improv.utterances[2].audio_digest is None
        assert any(n.startswith("1 audio files of 4 utterances (25.0 %)") for n in improv.notes)


class TestMspPodcast:
    def test_splits_speakers_and_texts_are_read(self, tmp_path: Path) -> None:
        podcast = read("msp-podcast", tmp_path)
        assert [x.split for x in podcast.labels] == ["train", "dev", "test"]
        assert [u.speaker for u in podcast.utterances] == ["7", None, "8"]
        assert podcast.utterances[0].text == "I told you so." and podcast.labels[1].emotion is None
        assert "1 turns of Test2 are left out; the test set is Test1" in podcast.notes
        assert (
            "release 2.0 has 264705 turns, of which 4 are labelled; Test3 may have no labels"
            in podcast.notes
        )


class TestCremaD:
    def test_bad_clips_are_known_and_bad_videos_left_out(self, tmp_path: Path) -> None:
        crema_d = read("crema-d", tmp_path)
        by_id = {u.id: u for u in crema_d.utterances}
        assert by_id["1076_MTI_SAD_XX"].known_bad == "it has no sound and is very short"
        assert by_id["1076_MTI_NEU_XX"].video is None and by_id["1001_IEO_ANG_LO"].video is not None
        assert by_id["1001_IEO_ANG_LO"].text == "It's eleven o'clock."
        notes = "\n".join(crema_d.notes)
        assert "the video of 1076_MTI_NEU_XX is left out: it is very short and silent" in notes
        assert "1 files are not named like clips of CREMA-D and are left out: readme.wav" in notes
        assert "the media of 1076_MTI_SAD_XX are not used: it has no sound" in notes


class TestDaicWoz:
    def test_a_session_is_an_utterance_of_the_participants_turns(self, tmp_path: Path) -> None:
        first = read("daic-woz", tmp_path).utterances[0]
        assert first.segments == (
            Segment(1.0, 2.0, "fine <laughter>"), Segment(3.0, 4.0, "and you"),
        )  # fmt: skip
        assert first.text == "fine <laughter>\nand you" and first.duration_s == 2.0
        assert set(first.features) == {"covarep", "clnf-aus"}

    def test_whole_sessions_have_the_interviewer_in_the_audio(self, tmp_path: Path) -> None:
        first = read("daic-woz", tmp_path, segments=False).utterances[0]
        assert first.segments is None and first.text == "fine <laughter>\nand you"

    def test_the_known_label_errors_are_corrected_and_listed(self, tmp_path: Path) -> None:
        daic_woz = read("daic-woz", tmp_path)
        by_id = {x.id: x for x in daic_woz.labels}
        assert by_id["409"].depression == "depressed" and by_id["409"].phq8 == 10
        assert by_id["319"].phq8_items == (1, 2, 2, 2, 2, 2, 1, 1)
        assert by_id["300"].phq8_items is None and by_id["302"].depression == "not-depressed"
        notes = "\n".join(daic_woz.notes)
        assert (
            "session 409: PHQ8_Binary is 0, but PHQ8_Score is 10; the score decides, so 1 is used"
            in notes
        )
        assert "session 319: PHQ8_Sleep is missing; by the total score it is 2" in notes
        assert (
            "session 373: 1 turns are left out; the interview is interrupted from 395 to 428 s"
            in notes
        )

    def test_quotation_marks_are_words_and_misaligned_times_are_shifted(
        self, tmp_path: Path
    ) -> None:
        root, _ = made("daic-woz", tmp_path)
        table = root / "train_split_Depression_AVEC2017.csv"
        table.write_text(table.read_text().replace("409,", "318,"))
        (root / "409_P").rename(root / "318_P")
        for file in list((root / "318_P").iterdir()):
            file.rename(file.with_name(file.name.replace("409", "318")))
        transcript = root / "318_P/318_TRANSCRIPT.csv"
        transcript.write_text(transcript.read_text().replace("and you", '"and you') + "\nstray\n")
        daic_woz = read_corpus(corpus("daic-woz", root, segments=True))
        assert daic_woz.utterances[0].segments == (
            Segment(35.319917, 36.319917, "fine <laughter>"),
            Segment(37.319917, 38.319917, '"and you'),
        )
        notes = "\n".join(daic_woz.notes)
        assert "times of its transcript are 34.32 s too early" in notes
        assert "'stray' is not a turn and is left out" in notes

    def test_a_session_without_its_covarep_file_is_missing_it(self, tmp_path: Path) -> None:
        root, _ = made("daic-woz", tmp_path)
        (root / "302_P/302_COVAREP.csv").unlink()
        daic_woz = read_corpus(corpus("daic-woz", root, segments=True))
        assert any("1 feature files of 5 utterances (20.0 %)" in note for note in daic_woz.notes)


class TestRavdess:
    def test_names_give_emotion_speaker_and_sentence(self, tmp_path: Path) -> None:
        ravdess = read("ravdess", tmp_path)
        assert len(ravdess.utterances) == 12
        assert ravdess.utterances[1].speaker == "actor-01" and ravdess.labels[1].emotion == "angry"
        assert ravdess.utterances[1].text == "Dogs are sitting by the door"
        assert {x.split for x in ravdess.labels} == {None}

    def test_a_folder_that_lacks_clips_says_whose(self, tmp_path: Path) -> None:
        notes = read("ravdess", tmp_path).notes
        assert notes[0].startswith("utterances by speaker: actor-01 2 instead of 60; actor-02 2")

    def test_videos_next_to_the_audio_are_used(self, tmp_path: Path) -> None:
        root, _ = made("ravdess", tmp_path)
        (root / "Actor_01/01-01-01-01-02-01-01.mp4").write_bytes(b"video")
        ravdess = read_corpus(corpus("ravdess", root))
        assert [u.video is not None for u in ravdess.utterances[:2]] == [True, False]
