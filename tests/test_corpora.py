"""Corpus readers, on layouts made here and on the published data where it is at hand."""

import csv
from collections import Counter
from pathlib import Path

import pytest
import soundfile

from extract.corpora import meld, ravdess
from extract.corpus import read_corpus
from extract.synthetic import _script, demo
from features.errors import ProjectError
from features.specs import CorpusSpec, LeafSpec
from tests.test_media import RATE_HZ, tone


def corpus(code: str, root: Path, **options: object) -> CorpusSpec:
    return CorpusSpec(code, root, LeafSpec(code, options))


def test_a_root_that_is_no_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(ProjectError, match=r"corpora\.demo\.root is .*absent', which is no folder"):
        read_corpus(corpus("demo", tmp_path / "absent"))


class TestDemo:
    def test_the_same_seed_makes_the_same_bytes(self, demo_root: Path, tmp_path: Path) -> None:
        demo.make(tmp_path / "again", seed=0, num_dialogues=4)
        files = sorted(f.relative_to(demo_root) for f in demo_root.rglob("*") if f.is_file())
        assert len(files) == 1 + 2 * 32
        assert all(
            (demo_root / f).read_bytes() == (tmp_path / "again" / f).read_bytes() for f in files
        )

    def test_another_seed_makes_another_corpus(self, demo_root: Path, tmp_path: Path) -> None:
        demo.make(tmp_path / "other", seed=1, num_dialogues=4)
        assert (tmp_path / "other/utterances.csv").read_text() != (
            demo_root / "utterances.csv"
        ).read_text()

    def test_utterances_last_one_to_two_seconds_and_are_whole(self, demo_root: Path) -> None:
        utterances, labels = read_corpus(corpus("demo", demo_root))
        for utterance in utterances:
            assert utterance.audio is not None and utterance.video_digest is not None
            assert 1.0 <= soundfile.info(demo_root / utterance.audio).duration <= 2.0
        assert all(label.phq8 is not None and label.valence is not None for label in labels)

    def test_the_whole_script_has_disjoint_speakers_and_every_label(self) -> None:
        import numpy as np

        rows = [row for row, _ in demo._rows(60, np.random.default_rng(0))]
        splits = Counter(row["split"] for row in rows)
        assert len(rows) == 480 and splits["test"] >= 150
        speakers = {s: {r["speaker"] for r in rows if r["split"] == s} for s in splits}
        assert not speakers["train"] & speakers["test"] and not speakers["train"] & speakers["dev"]
        assert not speakers["dev"] & speakers["test"]
        for split in splits:
            assert {r["emotion"] for r in rows if r["split"] == split} == set(_script.EMOTIONS)
        ids = {row["id"] for row in rows}
        assert all(not row["cause"] or row["cause"] in ids for row in rows)
        assert all((row["cause"] == "") == (row["emotion"] == "neutral") for row in rows)
        scores = {row["speaker"]: row["phq8"] for row in rows}
        assert all(scores[row["speaker"]] == row["phq8"] and 0 <= row["phq8"] <= 24 for row in rows)

    def test_no_single_cue_tells_the_emotion_and_all_three_do(self) -> None:
        for kind in _script.CUES:
            groups = Counter(emotion[kind] for emotion in _script.EMOTIONS.values())
            assert sorted(groups.values()) in ([2, 2, 2], [1, 2, 3])
        combined = {tuple(e[kind] for kind in _script.CUES) for e in _script.EMOTIONS.values()}
        assert len(combined) == len(_script.EMOTIONS)


@pytest.fixture
def small_meld(tmp_path: Path) -> Path:
    rows = {"train": [(0, 0), (0, 1), (125, 3)], "dev": [(0, 0)], "test": [(0, 0)]}
    for split, pairs in rows.items():
        with (tmp_path / f"{split}_sent_emo.csv").open("w", newline="", encoding="utf-8") as file:
            writer = csv.writer(file)
            writer.writerow(["Sr No.", *meld.COLUMNS, "Season", "Episode", "StartTime", "EndTime"])
            for dialogue, turn in pairs:
                row = [1, "I’m fine.", "Ross", "joy", "positive", dialogue, turn]
                writer.writerow([*row, 1, 2, "00:00:01,000", "00:00:02,000"])
    return tmp_path


class TestMeld:
    def test_without_clips_there_is_text_only(self, small_meld: Path) -> None:
        utterances, labels = read_corpus(corpus("meld", small_meld))
        assert [u.id for u in utterances] == [
            "train-dia0-utt0",
            "train-dia0-utt1",
            "train-dia125-utt3",
            "dev-dia0-utt0",
            "test-dia0-utt0",
        ]
        assert all(u.audio is None and u.video is None and u.known_bad is None for u in utterances)
        assert utterances[0].text == "I’m fine." and utterances[0].dialogue == "train-dia0"
        assert (labels[0].emotion, labels[0].sentiment, labels[3].split) == (
            "joy",
            "positive",
            "dev",
        )

    def test_with_clips_the_bad_ones_are_known_and_missing_ones_have_no_digest(
        self, small_meld: Path
    ) -> None:
        (small_meld / "train_splits").mkdir()
        soundfile.write(small_meld / "train_splits/x.wav", tone(0.1), RATE_HZ)
        (small_meld / "train_splits/x.wav").rename(small_meld / "train_splits/dia0_utt0.mp4")
        utterances, _ = read_corpus(corpus("meld", small_meld))
        assert utterances[0].audio == "train_splits/dia0_utt0.mp4"
        assert utterances[0].audio_digest is not None and utterances[1].audio_digest is None
        assert utterances[2].known_bad == "the file is corrupt and cannot be decoded"
        assert utterances[3].audio is None  # dev has no folder of clips

    def test_the_centre_channel_is_recorded(self, small_meld: Path) -> None:
        import numpy as np

        from tests.test_media import write_container

        (small_meld / "dev_splits_complete").mkdir()
        clip = small_meld / "dev_splits_complete/dia0_utt0.mp4"
        write_container(clip, np.stack([tone(0.2)] * 6), "5.1")
        utterances, _ = read_corpus(corpus("meld", small_meld))
        assert utterances[3].audio_channel == 2

    def test_a_missing_table_and_a_foreign_table_are_named(self, small_meld: Path) -> None:
        (small_meld / "dev_sent_emo.csv").write_text("a,b\n1,2\n")
        with pytest.raises(ProjectError, match=r"dev_sent_emo\.csv lacks the columns"):
            read_corpus(corpus("meld", small_meld))
        (small_meld / "dev_sent_emo.csv").unlink()
        with pytest.raises(ProjectError, match=r"dev_sent_emo\.csv does not exist"):
            read_corpus(corpus("meld", small_meld))

    @pytest.mark.slow
    def test_the_published_tables_have_their_published_counts(self, shared_data: Path) -> None:
        utterances, labels = read_corpus(corpus("meld", shared_data / "meld"))
        splits = Counter(label.split for label in labels)
        assert splits == {"train": 9989, "dev": 1109, "test": 2610}
        emotions = Counter(label.emotion for label in labels if label.split == "test")
        assert emotions == {
            "neutral": 1256, "joy": 402, "surprise": 281, "anger": 345, "sadness": 208,
            "disgust": 68, "fear": 50,
        }  # fmt: skip
        assert len({u.dialogue for u in utterances}) == 1038 + 114 + 280
        assert meld.KNOWN_BAD.keys() <= {u.id for u in utterances}


@pytest.fixture
def small_ravdess(tmp_path: Path) -> Path:
    rows = []
    for actor in range(1, 7):
        folder = tmp_path / f"Actor_{actor:02d}"
        folder.mkdir()
        for emotion in (1, 5):
            name = f"03-01-{emotion:02d}-01-02-01-{actor:02d}"
            soundfile.write(folder / f"{name}.wav", tone(0.05), RATE_HZ)
            rows.append((name, 1 + actor % 3))
    (tmp_path / "Actor_01/notes.txt").write_text("not a clip")
    lines = ["clip,emobox_test_fold", *(f"{name},{fold}" for name, fold in rows)]
    (tmp_path / "folds.csv").write_text("\n".join(lines))
    return tmp_path


class TestRavdess:
    def test_names_give_emotion_speaker_and_sentence(self, small_ravdess: Path) -> None:
        utterances, labels = read_corpus(corpus("ravdess", small_ravdess))
        assert len(utterances) == 12
        assert utterances[1].speaker == "actor-01" and labels[1].emotion == "angry"
        assert utterances[1].text == ravdess.STATEMENTS[1]

    def test_parts_are_speaker_disjoint_by_fold(self, small_ravdess: Path) -> None:
        spec = corpus("ravdess", small_ravdess, test_fold=1, num_dev_actors=2)
        utterances, labels = read_corpus(spec)
        parts: dict[str, set[str | None]] = {"train": set(), "dev": set(), "test": set()}
        for utterance, label in zip(utterances, labels, strict=True):
            parts[label.split].add(utterance.speaker)
        assert parts["test"] == {"actor-03", "actor-06"}
        assert parts["dev"] == {"actor-01", "actor-02"}
        assert parts["train"] == {"actor-04", "actor-05"}

    def test_a_fold_that_does_not_exist_is_named(self, small_ravdess: Path) -> None:
        with pytest.raises(ProjectError, match="test_fold is 9; the folds in"):
            read_corpus(corpus("ravdess", small_ravdess, test_fold=9))

    def test_a_wrong_column_and_a_missing_table_are_named(self, small_ravdess: Path) -> None:
        with pytest.raises(ProjectError, match="lacks the columns 'subject_fold'"):
            read_corpus(corpus("ravdess", small_ravdess, folds_column="subject_fold"))
        (small_ravdess / "folds.csv").unlink()
        with pytest.raises(ProjectError, match="RAVDESS has no official split"):
            read_corpus(corpus("ravdess", small_ravdess))

    def test_a_clip_without_a_fold_is_named(self, small_ravdess: Path) -> None:
        lines = (small_ravdess / "folds.csv").read_text().splitlines()
        (small_ravdess / "folds.csv").write_text("\n".join(lines[:-1]))
        with pytest.raises(ProjectError, match="no fold for the clip '03-01-05-01-02-01-06'"):
            read_corpus(corpus("ravdess", small_ravdess))

    @pytest.mark.slow
    def test_the_published_clips_have_their_published_counts(self, shared_data: Path) -> None:
        utterances, labels = read_corpus(corpus("ravdess", shared_data / "ravdess"))
        assert len(utterances) == 1440 and len({u.speaker for u in utterances}) == 24
        emotions = Counter(label.emotion for label in labels)
        assert emotions["neutral"] == 96 and set(emotions.values()) == {96, 192}
        assert Counter(label.split for label in labels) == {"train": 1020, "dev": 180, "test": 240}


def test_paths_that_leave_the_root_are_refused(own_demo: Path) -> None:
    table = own_demo / "utterances.csv"
    table.write_text(table.read_text().replace("audio/d000-u0.wav", "../d000-u0.wav"))
    with pytest.raises(ProjectError, match=r"'d000-u0' has the media path '\.\./d000-u0\.wav'"):
        read_corpus(corpus("demo", own_demo))
