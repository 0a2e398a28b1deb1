"""Audio and video of a file count their times from the same instant, the start of the file."""

import importlib.util
import os
import sys
from pathlib import Path

import numpy as np
import pytest

from extract.media.audio import read_audio
from extract.media.errors import UnreadableError
from extract.media.frames import Stretch
from extract.media.video import sampled_pictures
from tests.conftest import ROOT
from tests.marked_videos import RATE_HZ, heard, level, write_marked_video

pytestmark = pytest.mark.slow

CASES = Path(os.environ.get("PERMAFROST_CASES") or ROOT.parent / "shared" / "cases")


def greys(path: Path, start_s: float, end_s: float) -> list[float]:
    """The grey on the screen in the middle of every second."""
    frames = sampled_pictures(path, [1.0], Stretch(start_s, end_s))
    return [float(frame.mean()) for frame, (count,) in frames for _ in range(count)]


def sounds(path: Path, start_s: float, end_s: float) -> list[tuple[float, int]]:
    samples, rate_hz = read_audio(path, start_s, end_s)
    assert (rate_hz, len(samples)) == (RATE_HZ, round((end_s - start_s) * RATE_HZ))
    return heard(samples, rate_hz)


@pytest.mark.parametrize("suffix", ["mkv", "mp4"])
class TestLateStreams:
    def test_audio_that_begins_late_is_late(self, tmp_path: Path, suffix: str) -> None:
        write_marked_video(tmp_path / f"a.{suffix}", sound_s=1.0)
        assert sounds(tmp_path / f"a.{suffix}", 3.0, 5.0) == [(0.4, 2), (1.4, 3)]
        expected = [level(3), level(4)]
        assert greys(tmp_path / f"a.{suffix}", 3.0, 5.0) == pytest.approx(expected, abs=3)

    def test_video_that_begins_late_is_late(self, tmp_path: Path, suffix: str) -> None:
        write_marked_video(tmp_path / f"a.{suffix}", picture_s=2.0)
        assert sounds(tmp_path / f"a.{suffix}", 4.0, 6.0) == [(0.4, 4), (1.4, 5)]
        expected = [level(2), level(3)]
        assert greys(tmp_path / f"a.{suffix}", 4.0, 6.0) == pytest.approx(expected, abs=3)

    def test_until_it_begins_there_is_silence_or_the_first_frame(
        self, tmp_path: Path, suffix: str
    ) -> None:
        write_marked_video(tmp_path / f"a.{suffix}", sound_s=3.0)
        early, _ = read_audio(tmp_path / f"a.{suffix}", 0.0, 2.5)
        assert len(early) == 2.5 * RATE_HZ and not early.any()
        write_marked_video(tmp_path / f"b.{suffix}", picture_s=2.0)
        expected = [level(0)] * 3 + [level(1)]
        assert greys(tmp_path / f"b.{suffix}", 0.0, 4.0) == pytest.approx(expected, abs=3)
        with pytest.raises(UnreadableError, match="no frames in that stretch"):
            greys(tmp_path / f"b.{suffix}", 0.0, 1.0)

    def test_gaps_in_the_audio_are_silence(self, tmp_path: Path, suffix: str) -> None:
        write_marked_video(tmp_path / f"a.{suffix}", gaps=[(1.0, 2.0), (3.1, 3.3)])
        whole, rate_hz = read_audio(tmp_path / f"a.{suffix}")
        assert heard(whole, rate_hz) == [(s + 0.4, s) for s in (0, 2, 3, 4, 5)]
        assert sounds(tmp_path / f"a.{suffix}", 3.0, 5.0) == [(0.4, 3), (1.4, 4)]
        assert not whole[round(1.1 * rate_hz) : round(1.9 * rate_hz)].any()
        inside, _ = read_audio(tmp_path / f"a.{suffix}", 1.2, 1.8)
        assert len(inside) == 0.6 * rate_hz and not inside.any()

    def test_a_window_is_the_slice_of_the_whole_across_a_gap(
        self, tmp_path: Path, suffix: str
    ) -> None:
        write_marked_video(tmp_path / f"a.{suffix}", sound_s=0.5, gaps=[(2.0, 3.0)])
        whole, rate_hz = read_audio(tmp_path / f"a.{suffix}")
        for start_s, end_s in ((0.0, 1.0), (1.7, 2.9), (2.3, 4.1), (4.25, 5.5)):
            window, _ = read_audio(tmp_path / f"a.{suffix}", start_s, end_s)
            assert np.array_equal(window, whole[round(start_s * rate_hz) : round(end_s * rate_hz)])


def test_packets_that_are_a_little_early_or_late_are_no_gap(tmp_path: Path) -> None:
    write_marked_video(tmp_path / "a.mkv")  # its times are rounded to milliseconds, packets last 20
    samples, rate_hz = read_audio(tmp_path / "a.mkv")
    assert len(samples) == 6 * rate_hz
    assert heard(samples, rate_hz) == [(s + 0.4, s) for s in range(6)]


def test_the_case_of_a_late_stream_is_read_as_it_states(tmp_path: Path) -> None:
    maker = CASES / "film-clock" / "make.py"
    if not maker.is_file():
        pytest.skip(f"the cases are not at {CASES}; set PERMAFROST_CASES to their folder")
    run_maker(maker, tmp_path)
    pitches = {}
    for name in ("together", "sound-2s-later"):
        samples, rate_hz = read_audio(tmp_path / f"{name}.mkv", 6.0, 9.0)
        spectra = [np.abs(np.fft.rfft(second)) for second in np.split(samples, 3)]
        pitches[name] = [round((spectrum.argmax() - 400) / 200) for spectrum in spectra]
        assert len(samples) == 3 * rate_hz
        expected = [20 + 16 * second for second in (6, 7, 8)]
        assert greys(tmp_path / f"{name}.mkv", 6.0, 9.0) == pytest.approx(expected, abs=2)
    assert pitches == {"together": [6, 7, 8], "sound-2s-later": [4, 5, 6]}


def run_maker(maker: Path, folder: Path) -> None:
    """Run the maker of a case, which writes into the folder of its first argument."""
    before = sys.argv
    sys.argv = [str(maker), str(folder)]
    try:
        spec = importlib.util.spec_from_file_location("case", maker)
        assert spec is not None and spec.loader is not None
        spec.loader.exec_module(importlib.util.module_from_spec(spec))
    finally:
        sys.argv = before
