"""Manifests and labels: written, read back and checked."""

from pathlib import Path

import pytest

from features.checks import corpus_problems
from features.errors import ProjectError
from features.manifest import (
    Label,
    Utterance,
    read_labels,
    read_utterances,
    write_records,
)


def pair(name: str, split: str = "train", dialogue: str | None = None) -> tuple[Utterance, Label]:
    return Utterance(name, text="hm", dialogue=dialogue), Label(name, split)  # type: ignore[arg-type]


def problems(*pairs: tuple[Utterance, Label]) -> list[str]:
    return corpus_problems([u for u, _ in pairs], [label for _, label in pairs])


def test_records_come_back_as_they_were_written(tmp_path: Path) -> None:
    utterances = [
        Utterance("a", text="“Ja” — é", video_box=(0.0, 0.0, 0.5, 1.0), start_s=1.5, turn=0),
        Utterance("b", audio="x.wav", audio_channel=2, known_bad="silent"),
    ]
    labels = [Label("a", "train", emotion="joy", causes=("a", "b")), Label("b", "test", phq8=3.0)]
    write_records(tmp_path / "m.jsonl", utterances)
    write_records(tmp_path / "l.jsonl", labels)
    assert read_utterances(tmp_path / "m.jsonl") == utterances
    assert read_labels(tmp_path / "l.jsonl") == labels


def test_a_text_may_hold_every_kind_of_line_separator(tmp_path: Path) -> None:
    utterances = [Utterance("a", text="one\u2028two\u2029three\x85four\nfive"), Utterance("b")]
    write_records(tmp_path / "m.jsonl", utterances)
    assert read_utterances(tmp_path / "m.jsonl") == utterances


def test_a_broken_line_is_named(tmp_path: Path) -> None:
    (tmp_path / "m.jsonl").write_text('{"id":"a"}\n{"id":"b","colour":"red"}\n')
    with pytest.raises(ProjectError, match=r"m\.jsonl, line 2: unknown fields \['colour'\]"):
        read_utterances(tmp_path / "m.jsonl")


def test_a_good_corpus_has_no_problems() -> None:
    assert problems(pair("a", dialogue="d"), pair("b", dialogue="d"), pair("c", "test")) == []


def test_an_empty_corpus_is_refused() -> None:
    assert "no utterances" in problems()[0]


def test_a_repeated_id_is_refused_by_name() -> None:
    assert "the id 'a' occurs 2 times" in problems(pair("a"), pair("b"), pair("a"))[0]


def test_a_dialogue_in_two_splits_is_refused_by_name() -> None:
    first, *_ = problems(pair("a", "train", "d7"), pair("b", "test", "d7"))
    assert first.startswith("the dialogue 'd7' is in test and train")


def test_an_interrupted_dialogue_is_refused_by_name() -> None:
    pairs = [pair("a", dialogue="d1"), pair("b", dialogue="d2"), pair("c", dialogue="d1")]
    assert problems(*pairs) == [
        "the dialogue 'd1' is interrupted by another; its turns must be consecutive"
    ]


def test_the_source_of_a_modality_has_only_what_decides_it() -> None:
    first = Utterance("a", text="x", audio="f.wav", audio_digest="1", speaker="s")
    second = Utterance("b", text="y", audio="g.wav", audio_digest="1", speaker="t")
    assert first.source("audio") == second.source("audio")
    assert first.source("text") != second.source("text")
    assert first.source("video") is None
