"""Decoding audio: formats, windows, channels, files that cannot be read; the child process."""

import os
import subprocess
import sys
import threading
import time
from pathlib import Path

import av
import numpy as np
import pytest
import soundfile

from extract.media.audio import centre_channel, read_audio
from extract.media.child import Child
from extract.media.errors import UnreadableError
from extract.media.resample import lengthen, resample
from features.errors import ProjectError
from tests.conftest import ROOT
from tests.videos import write_video

RATE_HZ = 16_000


def tone(seconds: float, hz: float = 440.0) -> np.ndarray:
    return (0.4 * np.sin(2 * np.pi * hz * np.arange(round(seconds * RATE_HZ)) / RATE_HZ)).astype(
        np.float32
    )


def write_container(
    path: Path, samples: np.ndarray, layout: str = "mono", codec: str = "aac"
) -> None:
    """Encode `samples (C, N)` at 16 kHz."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=RATE_HZ, layout=layout)
        packed = "flt" if codec.startswith("pcm") else "fltp"
        frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(samples), packed, layout)
        frame.rate = RATE_HZ
        container.mux(stream.encode(frame))
        container.mux(stream.encode(None))


class TestAudio:
    @pytest.mark.parametrize("suffix", ["wav", "flac"])
    def test_lossless_formats_give_the_samples(self, tmp_path: Path, suffix: str) -> None:
        soundfile.write(tmp_path / f"a.{suffix}", tone(0.5), RATE_HZ, "PCM_16")
        samples, rate_hz = read_audio(tmp_path / f"a.{suffix}")
        assert rate_hz == RATE_HZ and samples.dtype == np.float32
        assert np.abs(samples - tone(0.5)).max() < 1e-4

    @pytest.mark.parametrize("suffix", ["mp3", "mp4"])
    def test_lossy_formats_give_the_tone(self, tmp_path: Path, suffix: str) -> None:
        path = tmp_path / f"a.{suffix}"
        if suffix == "mp3":
            soundfile.write(path, tone(1.0), RATE_HZ)
        else:
            write_container(path, tone(1.0)[None])
        samples, rate_hz = read_audio(path)
        assert rate_hz == RATE_HZ
        assert abs(len(samples) / RATE_HZ - 1.0) < 0.15
        spectrum = np.abs(np.fft.rfft(samples[4000:12000]))
        assert abs(spectrum.argmax() * RATE_HZ / 8000 - 440) < 5

    def test_channels_become_their_mean_and_not_a_louder_sum(self, tmp_path: Path) -> None:
        stereo = np.stack([np.full(100, 0.5), np.full(100, 0.1)], axis=1)
        soundfile.write(tmp_path / "a.wav", stereo, RATE_HZ, "FLOAT")
        assert read_audio(tmp_path / "a.wav")[0] == pytest.approx(0.3)
        assert read_audio(tmp_path / "a.wav", channel=1)[0] == pytest.approx(0.1)

    def test_stereo_in_a_container_is_mixed_by_the_same_rule(self, tmp_path: Path) -> None:
        write_container(tmp_path / "a.mp4", np.stack([tone(1.0), 0 * tone(1.0)]), "stereo")
        samples, _ = read_audio(tmp_path / "a.mp4")
        left, _ = read_audio(tmp_path / "a.mp4", channel=0)
        assert np.allclose(samples, left / 2, atol=0.02)

    def test_a_channel_that_is_not_there_is_undecodable(self, tmp_path: Path) -> None:
        soundfile.write(tmp_path / "a.wav", tone(0.1), RATE_HZ)
        with pytest.raises(UnreadableError, match="1 channels, but the manifest says number 3"):
            read_audio(tmp_path / "a.wav", channel=3)

    def test_the_centre_channel_of_surround_sound_is_found(self, tmp_path: Path) -> None:
        write_container(tmp_path / "s.mp4", np.stack([tone(0.2)] * 6), "5.1")
        write_container(tmp_path / "m.mp4", tone(0.2)[None])
        assert centre_channel(tmp_path / "s.mp4") == 2
        assert centre_channel(tmp_path / "m.mp4") is None
        assert centre_channel(tmp_path / "absent.mp4") is None

    @pytest.mark.parametrize("suffix", ["wav", "mkv"])
    def test_a_window_is_cut_to_the_sample(self, tmp_path: Path, suffix: str) -> None:
        ramp = np.linspace(-0.9, 0.9, 2 * RATE_HZ, dtype=np.float32)
        if suffix == "wav":
            soundfile.write(tmp_path / "a.wav", ramp, RATE_HZ, "FLOAT")
        else:
            write_container(tmp_path / "a.mkv", ramp[None], codec="pcm_f32le")
        samples, _ = read_audio(tmp_path / f"a.{suffix}", start_s=0.5, end_s=1.25)
        assert len(samples) == round(0.75 * RATE_HZ)
        assert np.allclose(samples, ramp[8000:20000], atol=1e-4)

    @pytest.mark.parametrize(
        ("suffix", "codec"), [("mp4", "aac"), ("mkv", "aac"), ("mka", "libopus")]
    )
    def test_a_window_is_the_slice_of_the_whole(
        self, tmp_path: Path, suffix: str, codec: str
    ) -> None:
        path = tmp_path / f"a.{suffix}"
        noise = np.random.default_rng(0).normal(0, 0.1, 4 * RATE_HZ).astype(np.float32)
        write_container(path, noise[None], codec=codec)
        whole, rate_hz = read_audio(path)
        window, _ = read_audio(path, start_s=1.0, end_s=2.5)
        assert np.array_equal(window, whole[rate_hz : rate_hz * 5 // 2])

    @pytest.mark.parametrize("content", [b"", b"RIFF", b"no audio at all" * 50])
    @pytest.mark.parametrize("suffix", ["wav", "mp4"])
    def test_damaged_files_are_undecodable(
        self, tmp_path: Path, content: bytes, suffix: str
    ) -> None:
        (tmp_path / f"a.{suffix}").write_bytes(content)
        with pytest.raises(UnreadableError) as caught:
            read_audio(tmp_path / f"a.{suffix}")
        assert caught.value.reason == "undecodable"

    def test_a_picture_without_sound_is_undecodable(self, tmp_path: Path) -> None:
        write_video(tmp_path / "a.mp4", [10, 20])
        with pytest.raises(UnreadableError, match="no audio stream"):
            read_audio(tmp_path / "a.mp4")

    @pytest.mark.parametrize("suffix", ["wav", "mp4"])
    def test_a_recording_beyond_the_limit_is_too_long(self, tmp_path: Path, suffix: str) -> None:
        if suffix == "wav":
            soundfile.write(tmp_path / "a.wav", tone(3.0), RATE_HZ)
        else:
            write_container(tmp_path / "a.mp4", tone(3.0)[None])
        with pytest.raises(UnreadableError) as caught:
            read_audio(tmp_path / f"a.{suffix}", max_duration_s=1.0)
        assert caught.value.reason == "too-long"

    def test_resampling_keeps_duration_and_lengthening_adds_zeros(self) -> None:
        assert len(resample(tone(1.0), 16_000, 8_000)) == 8_000
        assert lengthen(resample(tone(0.01), RATE_HZ, RATE_HZ), 400)[160:].abs().max() == 0

    def test_a_rate_without_a_usable_ratio_is_undecodable(self) -> None:
        with pytest.raises(UnreadableError, match="sample rate of 44101 Hz"):
            resample(tone(0.1), 44_101, 16_000)


class TestChild:
    def test_results_and_reasons_come_back(self, tmp_path: Path) -> None:
        soundfile.write(tmp_path / "a.wav", tone(0.1), RATE_HZ)
        with Child() as child:
            samples, _ = child.call(read_audio, tmp_path / "a.wav")
            assert len(samples) == 1600
            with pytest.raises(UnreadableError) as caught:
                child.call(read_audio, tmp_path / "absent.wav")
            assert caught.value.reason == "undecodable"

    def test_a_crash_of_the_decoder_is_undecodable_and_the_next_call_works(self) -> None:
        with Child() as child:
            with pytest.raises(UnreadableError, match="the decoder crashed on it"):
                child.call(os.abort)
            assert child.call(os.path.basename, "/a/b") == "b"

    def test_a_killed_child_says_nothing_about_the_file(self) -> None:
        with Child() as child:
            child.call(os.getpid)
            with pytest.raises(ProjectError, match="lack of memory"):
                child.call(os.kill, child.call(os.getpid), 9)

    def test_a_child_that_is_killed_while_idle_is_replaced(self) -> None:
        with Child() as child:
            os.kill(child.call(os.getpid), 9)
            time.sleep(0.2)
            with pytest.raises(ProjectError, match="lack of memory"):
                child.call(os.path.basename, "/a/b")
            assert child.call(os.path.basename, "/a/b") == "b"

    def test_our_own_fault_is_no_fault_of_the_file(self) -> None:
        with Child() as child:
            with pytest.raises(RuntimeError, match="ZeroDivisionError"):
                child.call(divmod, 1, 0)
            with pytest.raises(ProjectError, match="ended unexpectedly"):
                child.call(os._exit, 1)

    def test_a_fault_of_the_disk_says_nothing_about_the_file(self, tmp_path: Path) -> None:
        with Child() as child, pytest.raises(ProjectError, match="could not be read this time"):
            child.call(os.listdir, tmp_path / "absent")

    def test_large_arrays_come_back_whole_and_their_memory_is_given_back(self) -> None:
        with Child() as child:
            for size in (3, 70 * 2**20, 0, 5):
                zeros = child.call(np.zeros, size, np.uint8)
                assert zeros.nbytes == size and not zeros.any()
                zeros[:] = 7  # nobody else reads it
                assert os.fstat(child._shared.handle).st_size < 70 * 2**20
            first, second = child.call(np.split, np.arange(8.0), 2)
            assert first.tolist() == [0, 1, 2, 3] and second.tolist() == [4, 5, 6, 7]

    def test_another_thread_can_end_a_call(self) -> None:
        with Child() as child:
            child.call(os.getpid)
            timer = threading.Timer(0.2, child.interrupt)
            timer.start()
            with pytest.raises(ProjectError, match="ended unexpectedly"):
                child.call(time.sleep, 60)
            timer.join()
            child.close()
            child.interrupt()

    def test_a_hang_ends_after_the_limit(self) -> None:
        with Child(timeout_s=3.0) as child, pytest.raises(ProjectError, match="longer than 3 s"):
            child.call(time.sleep, 60)

    @pytest.mark.slow
    def test_a_script_without_a_guard_of_its_main_part_runs_once(self, tmp_path: Path) -> None:
        script = tmp_path / "script.py"
        script.write_text(
            "print('begins')\n"
            "from extract.media.child import Child\n"
            "with Child() as child:\n"
            "    print(child.call(sum, [1, 2, 4]), __file__, __spec__)\n"
        )
        done = subprocess.run(
            [sys.executable, str(script)], capture_output=True, text=True, check=False,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
        )  # fmt: skip
        assert done.stdout == f"begins\n7 {script} None\n", done.stderr

    @pytest.mark.slow
    def test_packages_of_the_current_folder_are_not_taken_for_ours(self, tmp_path: Path) -> None:
        for name in ("features", "extract"):
            (tmp_path / name).mkdir()
            (tmp_path / name / "__init__.py").write_text("raise SystemExit('another package')")
        code = (
            "import sys; sys.path.remove(''); from extract.media.child import Child\n"
            "import inspect; from extract.media.audio import read_audio\n"
            "with Child() as child: print(child.call(inspect.getsourcefile, read_audio))\n"
        )
        done = subprocess.run(
            [sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True,
            env={**os.environ, "PYTHONPATH": str(ROOT)}, check=False,
        )  # fmt: skip
        assert done.stdout.strip() == str(ROOT / "extract/media/audio.py"), done.stderr
