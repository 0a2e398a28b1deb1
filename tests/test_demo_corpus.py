"""The corpus that the project makes itself."""

from collections import Counter
from pathlib import Path

import pytest
import soundfile

from extract.corpus.read import read_corpus
from extract.synthetic import _script, demo
from tests.reader_world import corpus


class TestDemo:
    @pytest.mark.slow
    def test_the_same_seed_makes_the_same_bytes(self, demo_root: Path, tmp_path: Path) -> None:
        demo.make(tmp_path / "again", seed=1, num_dialogues=4)
        files = sorted(f.relative_to(demo_root) for f in demo_root.rglob("*") if f.is_file())
        assert len(files) == 1 + 2 * 32
        assert all(
            (demo_root / f).read_bytes() == (tmp_path / "again" / f).read_bytes() for f in files
        )

    @pytest.mark.slow
    def test_another_seed_makes_another_corpus(self, demo_root: Path, tmp_path: Path) -> None:
        demo.make(tmp_path / "other", seed=2, num_dialogues=4)
        assert (tmp_path / "other/utterances.csv").read_text() != (
            demo_root / "utterances.csv"
        ).read_text()

    def test_utterances_last_one_to_two_seconds_and_have_all_files_and_labels(
        self, demo_root: Path
    ) -> None:
        demo_corpus = read_corpus(corpus("demo", demo_root))
        for utterance in demo_corpus.utterances:
            assert utterance.audio is not None and utterance.video_digest is not None
            assert 1.0 <= soundfile.info(demo_root / utterance.audio).duration <= 2.0
        assert all(
            label.phq8 is not None and label.valence is not None for label in demo_corpus.labels
        )

    def test_the_full_script_has_disjoint_speakers_and_every_label(self) -> None:
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

    def test_no_single_cue_decides_the_emotion_and_all_three_do(self) -> None:
        for kind in _script.CUES:
            groups = Counter(emotion[kind] for emotion in _script.EMOTIONS.values())
            assert sorted(groups.values()) in ([2, 2, 2], [1, 2, 3])
        combined = {tuple(e[kind] for kind in _script.CUES) for e in _script.EMOTIONS.values()}
        assert len(combined) == len(_script.EMOTIONS)
