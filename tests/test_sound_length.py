"""A stated length is never the true length, and a file is read by its content."""

import os
import shutil
import struct
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
import soundfile

from extract.media.audio import read_audio
from extract.media.errors import UnreadableError
from tests.conftest import ROOT
from tests.marked_videos import bursts, heard
from tests.test_media_clock import run_maker

pytestmark = pytest.mark.slow

CASES = Path(os.environ.get("PERMAFROST_CASES") or ROOT.parent / "shared" / "cases")
RATE_HZ, SECONDS = 22_050, 7
SOUND = bursts(SECONDS, RATE_HZ)
ENDINGS = ("wav", "flac", "ogg", "mp3", "mp4", "webm", "opus", "txt", "png")


def encode(path: Path, codec: str, kind: str, samples: np.ndarray = SOUND, **options: str) -> Path:
    """Encode at the rate of `SOUND`; options are those of the container."""
    with av.open(str(path), "w", format=kind, options=options) as container:
        stream: Any = container.add_stream(codec, rate=RATE_HZ, layout="mono")
        to_format = av.AudioResampler(format=stream.format, layout="mono", rate=RATE_HZ)
        size = stream.frame_size or 1000
        for start in range(0, len(samples), size):
            block = np.ascontiguousarray(samples[None, start : start + size])
            frame = av.AudioFrame.from_ndarray(block, "fltp", "mono")
            frame.rate, frame.pts, frame.time_base = RATE_HZ, start, Fraction(1, RATE_HZ)
            for converted in to_format.resample(frame):
                container.mux(stream.encode(converted))
        container.mux(stream.encode(None))
    return path


def is_whole(path: Path, seconds: int = SECONDS, copies: int = 1) -> None:
    """The file has a burst in every second of every copy, and little more."""
    samples, rate_hz = read_audio(path)
    assert len(samples) / rate_hz == pytest.approx(seconds * copies, abs=0.15 * copies)
    assert [second for _, second in heard(samples, rate_hz)] == list(range(seconds)) * copies


def wav(path: Path, *, data_bytes: int, riff_bytes: int, samples: np.ndarray = SOUND) -> Path:
    """A WAV file of 16 bits that states these sizes."""
    content = np.round(samples * 32767).astype("<i2").tobytes()
    fmt = struct.pack("<4sIHHIIHH", b"fmt ", 16, 1, 1, RATE_HZ, 2 * RATE_HZ, 2, 16)
    data = struct.pack("<4sI", b"data", data_bytes) + content
    path.write_bytes(struct.pack("<4sI4s", b"RIFF", riff_bytes, b"WAVE") + fmt + data)
    return path


class TestMp3:
    def test_without_a_header_frame_it_is_read_to_its_end(self, tmp_path: Path) -> None:
        loud = SOUND.copy()
        loud[:RATE_HZ] = np.random.default_rng(1).uniform(-0.9, 0.9, RATE_HZ)  # many bits at first
        path = encode(tmp_path / "a.mp3", "libmp3lame", "mp3", loud, write_xing="0")
        samples, rate_hz = read_audio(path)
        assert len(samples) / rate_hz == pytest.approx(SECONDS, abs=0.15)
        assert [second for _, second in heard(samples, rate_hz)][-6:] == [1, 2, 3, 4, 5, 6]

    def test_joined_files_are_read_to_their_end(self, tmp_path: Path) -> None:
        content = encode(tmp_path / "a.mp3", "libmp3lame", "mp3").read_bytes()
        (tmp_path / "b.mp3").write_bytes(3 * content)
        is_whole(tmp_path / "b.mp3", copies=3)

    def test_one_that_is_cut_short_is_undecodable(self, tmp_path: Path) -> None:
        content = encode(tmp_path / "a.mp3", "libmp3lame", "mp3").read_bytes()
        (tmp_path / "b.mp3").write_bytes(content[: 5 * len(content) // 6])
        with pytest.raises(UnreadableError, match=r"states 270 frames but has 22\d"):
            read_audio(tmp_path / "b.mp3")


class TestOgg:
    def test_joined_files_are_read_to_their_end(self, tmp_path: Path) -> None:
        soundfile.write(tmp_path / "a.ogg", SOUND, RATE_HZ, format="OGG", subtype="VORBIS")
        (tmp_path / "b.ogg").write_bytes(2 * (tmp_path / "a.ogg").read_bytes())
        is_whole(tmp_path / "b.ogg", copies=2)

    def test_one_cut_within_a_page_or_with_a_damaged_page_is_undecodable(
        self, tmp_path: Path
    ) -> None:
        soundfile.write(tmp_path / "a.ogg", SOUND, RATE_HZ, format="OGG", subtype="VORBIS")
        content = (tmp_path / "a.ogg").read_bytes()
        (tmp_path / "cut.ogg").write_bytes(content[:-400])
        middle = len(content) // 2
        flipped = content[:middle] + bytes([content[middle] ^ 4]) + content[middle + 1 :]
        (tmp_path / "flipped.ogg").write_bytes(flipped)
        for name in ("cut", "flipped"):
            with pytest.raises(UnreadableError, match=r"page at byte \d+ of \d+ is damaged or cut"):
                read_audio(tmp_path / f"{name}.ogg")


class TestFlac:
    def streamed(self, folder: Path) -> Path:
        """A file that does not say how many samples it has, as when it is piped."""
        soundfile.write(folder / "a.flac", SOUND, RATE_HZ)
        content = bytearray((folder / "a.flac").read_bytes())
        content[21] &= 0xF0
        content[22:26] = bytes(4)
        (folder / "streamed.flac").write_bytes(content)
        return folder / "streamed.flac"

    def test_from_a_pipe_it_is_read_to_its_end_to_the_sample(self, tmp_path: Path) -> None:
        samples, _ = read_audio(self.streamed(tmp_path))
        assert np.array_equal(samples, read_audio(tmp_path / "a.flac")[0])
        window, _ = read_audio(tmp_path / "streamed.flac", 2.5, 4.0)
        assert np.array_equal(window, samples[round(2.5 * RATE_HZ) : 4 * RATE_HZ])

    def test_a_damaged_frame_is_not_left_out(self, tmp_path: Path) -> None:
        path = self.streamed(tmp_path)
        for name in (path.name, "a.flac"):
            content = bytearray((tmp_path / name).read_bytes())
            for place in (len(content) // 3, len(content) // 2):
                damaged = content.copy()
                damaged[place] ^= 0x10
                (tmp_path / f"damaged-{name}").write_bytes(damaged)
                with pytest.raises(UnreadableError) as caught:
                    read_audio(tmp_path / f"damaged-{name}")
                assert caught.value.reason == "undecodable"


class TestWav:
    @pytest.mark.parametrize("size", [0, 0x7FFFFFFF, 0xFFFFFFFF, 0x7FFFF000, 0x80000000])
    def test_sizes_of_a_pipe_are_read_to_the_end(self, tmp_path: Path, size: int) -> None:
        path = wav(tmp_path / "a.wav", data_bytes=size, riff_bytes=min(size + 36, 0xFFFFFFFF))
        samples, rate_hz = read_audio(path)
        assert (len(samples), rate_hz) == (len(SOUND), RATE_HZ)
        assert np.abs(samples - SOUND).max() < 1e-4

    @pytest.mark.parametrize("share", [0.1, 0.5, 0.9, 0.9999])
    def test_one_that_is_cut_short_is_undecodable(self, tmp_path: Path, share: float) -> None:
        size = 2 * len(SOUND)
        path = wav(tmp_path / "a.wav", data_bytes=size, riff_bytes=size + 36)
        content = path.read_bytes()
        path.write_bytes(content[: 44 + 2 * int(share * len(SOUND))])
        with pytest.raises(UnreadableError, match=rf"states {size} bytes of samples but has \d+"):
            read_audio(path, 0.0, 0.5)

    def test_chunks_after_the_samples_are_no_sound(self, tmp_path: Path) -> None:
        size = 2 * len(SOUND)
        path = wav(tmp_path / "a.wav", data_bytes=size, riff_bytes=size + 36 + 1008)
        path.write_bytes(path.read_bytes() + struct.pack("<4sI", b"LIST", 1000) + bytes(1000))
        assert len(read_audio(path)[0]) == len(SOUND)

    def test_joined_files_are_not_read_as_the_first(self, tmp_path: Path) -> None:
        size = 2 * len(SOUND)
        path = wav(tmp_path / "a.wav", data_bytes=size, riff_bytes=size + 36)
        path.write_bytes(2 * path.read_bytes())
        with pytest.raises(UnreadableError, match="a second WAV file is appended to it"):
            read_audio(path)


@pytest.mark.parametrize(("codec", "kind"), [("aac", "mp4"), ("pcm_s16le", "matroska")])
def test_a_container_that_is_cut_short_is_undecodable(
    tmp_path: Path, codec: str, kind: str
) -> None:
    options = {"movflags": "+faststart"} if kind == "mp4" else {}
    content = encode(tmp_path / "a", codec, kind, **options).read_bytes()
    is_whole(tmp_path / "a")
    (tmp_path / "b").write_bytes(content[: 3 * len(content) // 4])
    with pytest.raises(UnreadableError, match=rf"states {len(content)} bytes but has \d+"):
        read_audio(tmp_path / "b")


@pytest.mark.parametrize(
    ("codec", "kind"),
    [("aac", "adts"), ("aac", "mp4"), ("libmp3lame", "mp3"), ("pcm_s16le", "wav"),
     ("flac", "flac"), ("flac", "ogg"), ("pcm_s16le", "matroska"), ("libmp3lame", "avi")],
)  # fmt: skip
def test_all_endings_of_the_same_bytes_are_equal(tmp_path: Path, codec: str, kind: str) -> None:
    original = encode(tmp_path / "original", codec, kind)
    is_whole(original)
    expected, _ = read_audio(original)
    for ending in ENDINGS:
        shutil.copy(original, tmp_path / f"a.{ending}")
        assert np.array_equal(read_audio(tmp_path / f"a.{ending}")[0], expected), ending


def test_eight_channels_of_a_container_are_read(tmp_path: Path) -> None:
    samples = np.random.default_rng(2).normal(0, 0.1, (8, 4000)).astype(np.float32)
    with av.open(str(tmp_path / "a.mkv"), "w") as container:
        stream: Any = container.add_stream("pcm_f32le", rate=RATE_HZ, layout="7.1")
        packed = np.ascontiguousarray(samples.T).reshape(1, -1)
        frame = av.AudioFrame.from_ndarray(packed, "flt", "7.1")
        frame.rate = RATE_HZ
        container.mux([*stream.encode(frame), *stream.encode(None)])
    assert np.array_equal(read_audio(tmp_path / "a.mkv")[0], samples.mean(axis=0))
    assert np.array_equal(read_audio(tmp_path / "a.mkv", channel=7)[0], samples[7])


def test_the_sounds_of_the_case_have_their_length(tmp_path: Path) -> None:
    maker = CASES / "sound-length" / "make.py"
    if not maker.is_file():
        pytest.skip(f"the cases are not at {CASES}; set PERMAFROST_CASES to their folder")
    run_maker(maker, tmp_path)
    names = {"vbr-without-xing.mp3": 12.096, "cbr-without-xing.mp3": 12.096, "streamed.flac": 12.0}
    for name, seconds in names.items():
        samples, rate_hz = read_audio(tmp_path / name)
        assert len(samples) / rate_hz == seconds
        for k in range(2, 12):
            second = samples[round((k + 0.55) * rate_hz) : round((k + 0.65) * rate_hz)]
            pitch = 10 * np.abs(np.fft.rfft(second)).argmax()
            assert abs(pitch - (400 + 200 * k)) <= 10, (name, k)


@pytest.mark.parametrize("kind", ["AIFF", "AU"])
def test_a_file_whose_packets_end_before_it_states_is_undecodable(
    tmp_path: Path, kind: str
) -> None:
    whole, cut = tmp_path / "whole", tmp_path / "cut"
    soundfile.write(whole, np.full(3 * 16_000, 0.25), 16_000, format=kind)
    assert len(read_audio(whole)[0]) == 3 * 16_000
    cut.write_bytes(whole.read_bytes()[:60_000])
    with pytest.raises(UnreadableError, match=r"cut short|states|ends"):
        read_audio(cut)
