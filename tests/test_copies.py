"""Recordings that a corpus has twice: named, kept together, and refused where they leak."""

import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from extract.corpus.recordings import recorded_twice
from features.errors import ProjectError
from features.manifest import Label, Utterance, read_labels, write_records
from features.specs.heads import ProtocolSpec
from features.specs.tracks import LeafSpec
from tests.corpus_layouts import write_wav
from tests.test_own_table import own
from train.folds.grouping import dialogue_groups, speaker_groups
from train.folds.split import split_corpus


def audio(name: str, digest: str, **fields: Any) -> Utterance:
    return Utterance(name, audio=f"{name}.wav", audio_digest=digest, **fields)


class TestRecordings:
    def test_equal_bytes_and_an_equal_stretch_are_one_recording(self) -> None:
        utterances = [
            audio("a", "1"), audio("b", "1"), audio("c", "2"),
            audio("d", "3", start_s=1.5, end_s=2.0), audio("e", "3", start_s=2.0, end_s=3.0),
            audio("f", "3", start_s=1.5, end_s=2.0), audio("g", "1", start_s=0.0),
        ]  # fmt: skip
        firsts = recorded_twice(utterances)
        assert firsts == {"a": "a", "b": "a", "g": "a", "d": "d", "f": "d"}

    @pytest.mark.parametrize(
        ("first", "second"),
        [
            ({"audio_channel": 0}, {"audio_channel": 1}),
            ({"known_bad": "silent"}, {"known_bad": "silent"}),
            ({"text": "Yes.", "audio_digest": None}, {"text": "Yes.", "audio_digest": None}),
            ({"end_s": 1.0}, {"end_s": 1.25}),
        ],
    )
    def test_others_are_not(self, first: Mapping[str, Any], second: Mapping[str, Any]) -> None:
        pair = [
            Utterance(name, **{"audio": "x.wav", "audio_digest": "1", **fields})
            for name, fields in (("a", first), ("b", second))
        ]
        assert recorded_twice(pair) == {}

    def test_videos_are_recordings_by_the_part_of_the_frame(self) -> None:
        left, right = (0.0, 0.0, 0.5, 1.0), (0.5, 0.0, 1.0, 1.0)
        clips = [
            Utterance(name, video=f"{name}.mp4", video_digest="v", video_box=box)
            for name, box in (("a", left), ("b", right), ("c", right))
        ]
        assert recorded_twice(clips) == {"b": "b", "c": "b"}

    def test_a_recording_may_be_shared_by_audio_and_by_video(self) -> None:
        clips = [
            audio("a", "1"),
            Utterance("b", video="b.mp4", video_digest="v"),
            audio("c", "1", video="c.mp4", video_digest="v"),
        ]
        assert recorded_twice(clips) == {"a": "a", "b": "a", "c": "a"}


ROWS = [
    ("wav", "speaker", "emotion", "split"),
    *(("a.wav", "eve", "joy", "train"), ("b.wav", "eve", "sad", "dev")),
    *(("c.wav", "flo", "joy", "test"), ("d.wav", "gus", "sad", "test")),
]


class TestCorpora:
    def copies(self, root: Path, **options: Any) -> Any:
        """A corpus whose recording a is there as d as well."""
        for name in "abc":
            write_wav(root / f"{name}.wav")
        shutil.copy(root / "a.wav", root / "d.wav")
        return own(root, ROWS, clips="", **options)

    def test_both_ids_are_named_and_their_labels_marked(self, tmp_path: Path) -> None:
        read = self.copies(tmp_path)
        (note,) = [note for note in read.notes if "occur under several ids" in note]
        assert note.startswith("1 recordings occur") and "stretch): a = d;" in note
        assert [x.recording for x in read.labels] == ["a", None, None, "a"]
        write_records(tmp_path / "l.jsonl", read.labels)
        assert read_labels(tmp_path / "l.jsonl") == read.labels
        assert (tmp_path / "l.jsonl").read_text().count("recording") == 2

    def test_they_are_named_where_they_are_allowed(self, tmp_path: Path) -> None:
        read = self.copies(tmp_path, duplicates="allowed")
        assert any("a = d; duplicates are allowed" in note for note in read.notes)
        assert {x.recording for x in read.labels} == {None}
        split_corpus(spec("official"), read.labels, "x")

    def test_heads_refuse_them_in_two_splits(self, tmp_path: Path) -> None:
        with pytest.raises(ProjectError, match="'a' in train = 'd' in test.*duplicates: allowed"):
            split_corpus(spec("official"), self.copies(tmp_path).labels, "x")


def spec(code: str, **settings: Any) -> ProtocolSpec:
    return ProtocolSpec(LeafSpec(code, settings))


def people(*copies: tuple[int, int]) -> list[Label]:
    """Eight speakers with five utterances each; pairs of utterances are one recording."""
    firsts = {n: f"u{min(pair)}" for pair in copies for n in pair}
    return [
        Label(f"u{n}", speaker=f"s{n // 5}", dialogue=f"d{n // 5}", recording=firsts.get(n))
        for n in range(40)
    ]


class TestProtocols:
    @pytest.mark.parametrize(
        ("code", "settings"),
        [("speaker-folds", {"num_folds": 4, "seed": 0}), ("leave-one-speaker-out", {})],
    )
    def test_a_recording_of_two_speakers_is_refused_where_speakers_are_kept_apart(
        self, code: str, settings: dict[str, Any]
    ) -> None:
        with pytest.raises(ProjectError, match="two speakers .'u2' of 's0' = 'u31' of 's6'.*allow"):
            split_corpus(spec(code, **settings), people((2, 31)), "x")
        split_corpus(spec(code, **settings), people((2, 3)), "x")

    def test_copies_without_a_speaker_are_refused_in_two_splits(self) -> None:
        labels = [
            Label(f"u{n}", speaker=None, recording="u0" if n in (0, 7) else None,
                  folds={"mine": str(n % 4)})
            for n in range(40)
        ]  # fmt: skip
        with pytest.raises(ProjectError, match="has the same recording in two splits"):
            split_corpus(spec("fold-column", column="mine"), labels, "x")

    def test_dev_sets_are_drawn_with_copies_together(self) -> None:
        labels = people((2, 31))
        assert len(speaker_groups(labels)) == len(dialogue_groups(labels)) == 7
        together = [f"u{n}" for n in (*range(5), *range(30, 35))]
        assert together in speaker_groups(labels).values()
        assert together in dialogue_groups(labels).values()
        assert len(dialogue_groups(people())) == 8 and set(dialogue_groups(people())) == {
            f"d{n}" for n in range(8)
        }
