"""Corpus readers: conformance of every file, each on a folder in exactly its layout."""

import inspect
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from extract.corpus.read import Corpus, read_corpus
from features.errors import ProjectError
from features.leaves import leaf_names, leaf_parameters, load_leaf
from features.manifest import SPLITS, Segment
from features.specs.tracks import CorpusSpec, LeafSpec
from tests.corpus_layouts import LAYOUTS, write_rows, write_wav

NAMES = leaf_names("extract/corpora")


def corpus(code: str, root: Path, **options: object) -> CorpusSpec:
    return CorpusSpec(code, root, LeafSpec(code, options))


def made(code: str, folder: Path) -> tuple[Path, dict[str, Any]]:
    """The folder of a corpus, and its reader's settings."""
    make, options = LAYOUTS[code]
    root = folder / "corpus"
    root.mkdir()
    make(root)
    return root, options


def read(code: str, folder: Path, **options: Any) -> Corpus:
    root, usual = made(code, folder)
    return read_corpus(corpus(code, root, **{**usual, **options}))


def test_every_reader_has_a_layout() -> None:
    assert set(LAYOUTS) == set(NAMES)


@pytest.mark.parametrize("name", NAMES)
class TestConformance:
    def test_what_is_read_is_whole(self, name: str, tmp_path: Path) -> None:
        found = read(name, tmp_path)
        assert [u.id for u in found.utterances] == [label.id for label in found.labels]
        assert {label.split for label in found.labels} <= {*SPLITS, None}
        for utterance, label in zip(found.utterances, found.labels, strict=True):
            assert any(utterance.source(m) for m in ("text", "audio", "video"))
            assert label.speaker == utterance.speaker and label.dialogue == utterance.dialogue
            assert utterance.audio is None or utterance.audio_digest is not None
            assert utterance.video is None or utterance.video_digest is not None
            assert all(file.digest is not None for file in utterance.features.values())

    def test_an_empty_folder_is_refused_in_one_line(self, name: str, tmp_path: Path) -> None:
        with pytest.raises(ProjectError) as caught:
            read_corpus(corpus(name, tmp_path, **LAYOUTS[name][1]))
        assert len(str(caught.value).splitlines()) == 1
        assert str(tmp_path) in str(caught.value) or "it has no utterances" in str(caught.value)

    def test_settings_are_those_of_the_function(self, name: str) -> None:
        leaf = load_leaf("extract/corpora", name)
        for function in ("read", *(["expected"] if hasattr(leaf, "expected") else [])):
            parameters = inspect.signature(getattr(leaf, function)).parameters.values()
            own = [p.name for p in parameters if p.kind is p.KEYWORD_ONLY]
            assert [p.name for p in leaf_parameters("extract/corpora", name, "read")] == own

    def test_a_folder_that_deviates_from_the_published_counts_says_so(
        self, name: str, tmp_path: Path
    ) -> None:
        if not hasattr(load_leaf("extract/corpora", name), "expected"):
            pytest.skip("this reader knows no counts")
        if name == "msp-podcast":
            pytest.skip("its counts change from release to release and are told in words")
        assert any(" instead of " in note or "and the corpus has" in note
                   for note in read(name, tmp_path).notes)  # fmt: skip

    def test_reading_twice_is_the_same(self, name: str, tmp_path: Path) -> None:
        root, options = made(name, tmp_path)
        spec = corpus(name, root, **options)
        assert read_corpus(spec) == read_corpus(spec)


def test_a_root_that_is_no_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(ProjectError, match=r"corpora\.demo\.root is .*absent', which is no folder"):
        read_corpus(corpus("demo", tmp_path / "absent"))


class TestIemocap:
    def test_four_emotions_take_excited_for_happy_and_six_do_not(self, tmp_path: Path) -> None:
        found = read("iemocap", tmp_path)
        assert [x.emotion for x in found.labels[:4]] == ["neutral", "happy", None, None]
        other = read_corpus(corpus("iemocap", tmp_path / "corpus", emotions="six"))
        assert [x.emotion for x in other.labels[:4]] == ["neutral", "excited", "frustrated", None]
        assert found.utterances == other.utterances

    def test_each_actor_has_a_half_of_the_picture(self, tmp_path: Path) -> None:
        first, second, *_ = read("iemocap", tmp_path).utterances
        assert first.speaker == "Ses01F" and first.video_box == (0.0, 0.0, 0.5, 1.0)
        assert second.speaker == "Ses01M" and second.video_box == (0.5, 0.0, 1.0, 1.0)
        assert first.video_stretch == (6.2901, 7.2901) and first.start_s is None
        assert first.video != first.audio and first.text == "Excuse me."

    def test_turns_are_in_order_and_have_dimensions(self, tmp_path: Path) -> None:
        found = read("iemocap", tmp_path)
        assert [u.turn for u in found.utterances] == [0, 1, 2, 3] * 2
        assert {u.session for u in found.utterances} == {"Ses01", "Ses02"}
        assert (found.labels[0].valence, found.labels[0].arousal, found.labels[0].dominance) == (
            2.5, 3.0, 3.5,
        )  # fmt: skip

    def test_session_five_may_be_the_official_test_part(self, tmp_path: Path) -> None:
        found = read("iemocap", tmp_path, test_session=2)
        assert [x.split for x in found.labels] == ["train"] * 4 + ["test"] * 4

    def test_sessions_that_deviate_are_named(self, tmp_path: Path) -> None:
        notes = "\n".join(read("iemocap", tmp_path).notes)
        assert "Ses01 2 instead of 1085" in notes and "happy 2 instead of 1636" in notes


class TestMspImprov:
    def test_lines_of_the_consensus_are_read_and_those_of_raters_are_not(
        self, tmp_path: Path
    ) -> None:
        found = read("msp-improv", tmp_path)
        assert [x.emotion for x in found.labels] == ["angry", "happy", None, "sad"]
        assert [u.session for u in found.utterances] == ["session1"] * 2 + ["session2"] * 2
        assert found.utterances[0].speaker == "F01" and found.labels[0].arousal == 2.4

    def test_a_turn_without_a_file_is_missing(self, tmp_path: Path) -> None:
        root, _ = made("msp-improv", tmp_path)
        next(root.rglob("*F02*.wav")).unlink()
        found = read_corpus(corpus("msp-improv", root))
        assert found.utterances[2].audio_digest is None
        assert any(n.startswith("1 audio files of 4 utterances (25.0 %)") for n in found.notes)


class TestMspPodcast:
    def test_parts_speakers_and_texts(self, tmp_path: Path) -> None:
        found = read("msp-podcast", tmp_path)
        assert [x.split for x in found.labels] == ["train", "dev", "test"]
        assert [u.speaker for u in found.utterances] == ["7", None, "8"]
        assert found.utterances[0].text == "I told you so." and found.labels[1].emotion is None
        assert "1 turns of Test2 are left out; the test part is Test1" in found.notes
        assert "release 2.0 has 264705 turns in all; test3 may have no labels" in found.notes


class TestCremaD:
    def test_bad_clips_are_known_and_bad_films_left_out(self, tmp_path: Path) -> None:
        found = read("crema-d", tmp_path)
        by_id = {u.id: u for u in found.utterances}
        assert by_id["1076_MTI_SAD_XX"].known_bad == "it has no sound and is very short"
        assert by_id["1076_MTI_NEU_XX"].video is None and by_id["1001_IEO_ANG_LO"].video is not None
        assert by_id["1001_IEO_ANG_LO"].text == "It's eleven o'clock."
        notes = "\n".join(found.notes)
        assert "the film of 1076_MTI_NEU_XX is left out: it is very short and silent" in notes
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

    def test_whole_sessions_have_the_interviewer_in_the_sound(self, tmp_path: Path) -> None:
        first = read("daic-woz", tmp_path, segments=False).utterances[0]
        assert first.segments is None and first.text == "fine <laughter>\nand you"

    def test_the_known_label_errors_are_mended_and_listed(self, tmp_path: Path) -> None:
        found = read("daic-woz", tmp_path)
        by_id = {x.id: x for x in found.labels}
        assert by_id["409"].depression == "depressed" and by_id["409"].phq8 == 10
        assert by_id["319"].phq8_items == (1, 2, 2, 2, 2, 2, 1, 1)
        assert by_id["300"].phq8_items is None and by_id["302"].depression == "not-depressed"
        notes = "\n".join(found.notes)
        assert (
            "session 409: PHQ8_Binary is 0 and PHQ8_Score 10; the score counts, so it is 1" in notes
        )
        assert "session 319: PHQ8_Sleep is missing; by the total it is 2" in notes
        assert "session 373: 1 turns are left out, interrupted 395 to 428 s" in notes

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
        found = read_corpus(corpus("daic-woz", root, segments=True))
        assert found.utterances[0].segments == (
            Segment(35.319917, 36.319917, "fine <laughter>"),
            Segment(37.319917, 38.319917, '"and you'),
        )
        notes = "\n".join(found.notes)
        assert "times of its transcript are 34.32 s too early" in notes
        assert "'stray' is no turn and is left out" in notes

    def test_a_session_without_its_covarep_file_is_missing_it(self, tmp_path: Path) -> None:
        root, _ = made("daic-woz", tmp_path)
        (root / "302_P/302_COVAREP.csv").unlink()
        found = read_corpus(corpus("daic-woz", root, segments=True))
        assert any("1 feature files of 5 utterances (20.0 %)" in note for note in found.notes)


class TestEcf:
    def test_causes_are_the_ids_of_utterances(self, tmp_path: Path) -> None:
        found = read("ecf", tmp_path)
        assert found.labels[0].causes == ()
        assert found.labels[1].causes == ("conv-1-utt-1", "conv-1-utt-2")

    def test_the_challenge_tests_on_its_own_file(self, tmp_path: Path) -> None:
        found = read("ecf", tmp_path)
        assert [x.split for x in found.labels[::2]] == ["train", "dev", "train", "test"]
        own = read_corpus(corpus("ecf", tmp_path / "corpus", parts="ecf"))
        assert [x.split for x in own.labels[::2]] == ["train", "dev", "test"]


class TestMosi:
    def test_rows_are_found_whatever_their_order(self, tmp_path: Path) -> None:
        found = read("mosi", tmp_path)
        assert [x.split for x in found.labels] == ["test"] * 2 + ["train"] * 6 + ["dev"] * 2
        last = found.utterances[-1]
        assert last.dialogue == "v3" and last.turn == 5 and last.features["text-cnn"].row == 3
        assert {x.sentiment for x in found.labels} == {"negative", "positive"}


class TestRavdess:
    def test_names_give_emotion_speaker_and_sentence(self, tmp_path: Path) -> None:
        found = read("ravdess", tmp_path)
        assert len(found.utterances) == 12
        assert found.utterances[1].speaker == "actor-01" and found.labels[1].emotion == "angry"
        assert found.utterances[1].text == "Dogs are sitting by the door"
        assert {x.split for x in found.labels} == {None}

    def test_a_folder_that_lacks_clips_says_whose(self, tmp_path: Path) -> None:
        notes = read("ravdess", tmp_path).notes
        assert notes[0].startswith("utterances by speaker: actor-01 2 instead of 60; actor-02 2")

    def test_films_beside_the_sounds_are_taken(self, tmp_path: Path) -> None:
        root, _ = made("ravdess", tmp_path)
        (root / "Actor_01/01-01-01-01-02-01-01.mp4").write_bytes(b"film")
        found = read_corpus(corpus("ravdess", root))
        assert [u.video is not None for u in found.utterances[:2]] == [True, False]


class TestMeld:
    def test_without_clips_there_is_text_only(self, tmp_path: Path) -> None:
        found = read("meld", tmp_path)
        assert [u.id for u in found.utterances] == [
            "train-dia0-utt0", "train-dia0-utt1", "train-dia125-utt3", "dev-dia0-utt0",
            "test-dia0-utt0",
        ]  # fmt: skip
        assert all(u.audio is None and u.known_bad is None for u in found.utterances)
        assert found.utterances[0].text == "I’m fine." and found.labels[0].sentiment == "positive"

    def test_with_clips_bad_ones_are_known_and_lengths_are_held_against_the_table(
        self, tmp_path: Path
    ) -> None:
        root, _ = made("meld", tmp_path)
        for name, seconds in (("dia0_utt0", 1.1), ("dia0_utt1", 4.0)):
            write_wav(root / f"{name}.wav", seconds)
            (root / "train_splits").mkdir(exist_ok=True)
            (root / f"{name}.wav").rename(root / "train_splits" / f"{name}.mp4")
        found = read_corpus(corpus("meld", root))
        assert found.utterances[0].audio == "train_splits/dia0_utt0.mp4"
        assert found.utterances[2].known_bad == "the file is corrupt and cannot be decoded"
        assert found.utterances[3].audio is None  # dev has no folder of clips
        assert (
            "1 clips contradict the length that is annotated: train-dia0-utt1 (4.00 s, annotated "
            "1.00 s)"
        ) in found.notes

    def test_the_centre_channel_is_recorded(self, tmp_path: Path) -> None:
        import numpy as np

        from tests.test_media import tone, write_container

        root, _ = made("meld", tmp_path)
        (root / "dev_splits_complete").mkdir()
        clip = root / "dev_splits_complete/dia0_utt0.mp4"
        write_container(clip, np.stack([tone(0.2)] * 6), "5.1")
        assert read_corpus(corpus("meld", root)).utterances[3].audio_channel == 2

    def test_a_missing_table_and_a_foreign_table_are_named(self, tmp_path: Path) -> None:
        root, _ = made("meld", tmp_path)
        write_rows(root / "dev_sent_emo.csv", [("a", "b"), (1, 2)])
        with pytest.raises(ProjectError, match=r"dev_sent_emo\.csv lacks the columns"):
            read_corpus(corpus("meld", root))
        (root / "dev_sent_emo.csv").unlink()
        with pytest.raises(ProjectError, match=r"dev_sent_emo\.csv is no file"):
            read_corpus(corpus("meld", root))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "count", "dialogues"),
    [("meld", 13708, 1432), ("ecf", 16720, 1715), ("mosi", 2199, 93), ("ravdess", 1440, 0)],
)
def test_published_data_have_their_published_counts(
    shared_data: Path, name: str, count: int, dialogues: int
) -> None:
    options = {} if name != "mosi" else {"num_dev_videos": 10}
    found = read_corpus(corpus(name, shared_data / name, **options))
    assert found.notes == []
    assert len(found.utterances) == count
    assert len({u.dialogue for u in found.utterances} - {None}) == dialogues
    if name == "meld":
        assert Counter(x.split for x in found.labels) == {"train": 9989, "dev": 1109, "test": 2610}
