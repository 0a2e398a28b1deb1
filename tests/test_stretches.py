"""Stretches beyond the end of a recording, and times that cannot be."""

import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile

from extract.corpus.durations import contradictions
from extract.corpus.read import read_corpus
from extract.media.audio import read_audio
from extract.media.errors import EmptyStretchError
from features.errors import ProjectError
from features.manifest import Segment, Utterance
from features.specs.tracks import CorpusSpec, LeafSpec
from tests.marked_videos import bursts, write_marked_video
from tests.test_sound_length import encode

RATE_HZ = 8_000


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A recording of 5 s and a video of 6 s."""
    soundfile.write(tmp_path / "a.wav", bursts(5, RATE_HZ), RATE_HZ)
    write_marked_video(tmp_path / "a.mkv")
    return tmp_path


def own(root: Path, *rows: str) -> CorpusSpec:
    header = "id,path,start,end,emotion\n"
    (root / "clips.csv").write_text(header + "\n".join(rows), encoding="utf-8")
    return CorpusSpec("own", root, LeafSpec("table", {"file": "clips.csv"}))


def cut(name: str, start_s: float | None, end_s: float | None, audio: str = "a.wav") -> Utterance:
    return Utterance(name, audio=audio, start_s=start_s, end_s=end_s)


def test_a_stretch_that_reaches_beyond_the_end_is_named_and_read_as_far_as_it_goes(
    root: Path,
) -> None:
    spec = own(root, "x,a.wav,3,45,joy", "y,a.wav,1,5.9,joy", "z,a.mkv,2,8.5,joy", "w,a.wav,4,,joy")
    notes = [line for line in read_corpus(spec).notes if "beyond the end" in line]
    (note,) = notes
    assert note == (
        "2 utterances reach beyond the end of their recording: x (to 45.00 s of 5.00 s), "
        "z (to 8.50 s of 6.00 s)"
    )
    samples, _ = read_audio(root / "a.wav", 3.0, 45.0, max_duration_s=10.0)
    assert np.array_equal(samples, read_audio(root / "a.wav")[0][3 * RATE_HZ :])
    video, rate_hz = read_audio(root / "a.mkv", 2.0, 800.0, max_duration_s=10.0)
    assert len(video) == 4 * rate_hz


def test_a_stretch_of_which_nothing_is_left_is_refused(root: Path) -> None:
    spec = own(root, "x,a.wav,5.5,9,joy", "y,a.mkv,60,61,joy", "z,a.wav,1,2,joy")
    with pytest.raises(ProjectError, match="2 problems") as caught:
        read_corpus(spec)
    assert "the utterance 'x' starts at 5.50 s, but a.wav ends after 5.00 s" in str(caught.value)
    assert "the utterance 'y' starts at 60.00 s, but a.mkv ends after 6.0" in str(caught.value)
    assert "'z'" not in str(caught.value)
    read = read_corpus(replace(spec, known_bad={"x": "cut off", "y": "cut off"}))
    assert [u.id for u in read.utterances] == ["x", "y", "z"]
    with pytest.raises(EmptyStretchError):
        read_audio(root / "a.wav", 5.5, 9.0)


def test_a_length_that_a_file_misstates_refuses_nothing(root: Path) -> None:
    loud = bursts(9, 22_050)
    loud[:22_050] = np.random.default_rng(0).uniform(-0.9, 0.9, 22_050)
    encode(root / "b.mp3", "libmp3lame", "mp3", loud, write_xing="0")
    assert contradictions(root, [cut("x", 8.0, 9.0, "b.mp3")]) == []
    beyond = contradictions(root, [cut("x", 8.0, 19.0, "b.mp3")])
    assert beyond[0].startswith("1 utterances reach beyond the end of their recording: x (to 19.00")


def test_a_session_with_turns_after_its_end_is_named(root: Path) -> None:
    turns = (Segment(0.0, 2.0, "a"), Segment(70.0, 75.5, "b"))
    (note,) = contradictions(root, [Utterance("s", audio="a.wav", segments=turns)])
    assert note.endswith("of their recording: s (to 75.50 s of 5.00 s)")


@pytest.mark.parametrize(
    ("start_s", "end_s", "written"),
    [
        (-0.5, 2.0, "starts at -0.50 s and ends at 2.00 s"),
        (3.0, 2.0, "starts at 3.00 s and ends at 2.00 s"),
        (2.0, 2.0, "starts at 2.00 s and ends at 2.00 s"),
        (0.0, 1e300, "starts at 0.00 s and ends at 1e+300 s"),
        (1e12, None, "starts at 1e+12 s and ends at no stated time"),
        (float("nan"), 1.0, "starts at nan s"),
        (None, float("inf"), "ends at inf s"),
    ],
)
@pytest.mark.parametrize("kind", ["stretch", "video", "turn"])
def test_times_that_cannot_be_are_named(
    root: Path, kind: str, start_s: float | None, end_s: float | None, written: str
) -> None:
    made: dict[str, Callable[[], Utterance]] = {
        "stretch": lambda: cut("x", start_s, end_s),
        "video": lambda: Utterance("x", video="a.mkv", video_start_s=start_s, video_end_s=end_s),
        "turn": lambda: Utterance("x", audio="a.wav", segments=(Segment(start_s, end_s, ""),)),  # type: ignore[arg-type]
    }
    with pytest.raises(ProjectError, match=f"the utterance 'x' .*{re.escape(written)}"):
        contradictions(root, [made[kind]()])


def test_all_of_them_are_named_together(root: Path) -> None:
    with pytest.raises(ProjectError, match="times of utterances: 2 problems"):
        contradictions(root, [cut("x", 3.0, 1.0), cut("y", 0.0, 1.0), cut("z", -1.0, 1.0)])
