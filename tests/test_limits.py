"""What comes out of a file is limited, and so is the memory of the process that decodes it."""

import os
import signal
import socket
import struct
import time
import zlib
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from extract.corpus.durations import contradictions
from extract.corpus.read import read_corpus
from extract.fill.prepare import Take
from extract.media import errors
from extract.media.audio import centre_channel, read_audio
from extract.media.child import Child
from extract.media.errors import UnreadableError
from extract.media.frames import Stretch
from extract.media.serve import MAX_BYTES
from extract.media.shape import Shape
from extract.media.video import sampled_pictures
from extract.network.checkpoint_folders import checkpoint_folder
from features.errors import ProjectError
from features.specs.tracks import CorpusSpec, LeafSpec
from features.untrusted.memory import limit_memory
from features.untrusted.regular import file_fault
from tests.fill_world import SMALL, World
from tests.test_media import RATE_HZ, tone
from tests.videos import write_video

pytestmark = pytest.mark.slow


def write_png(path: Path, width: int, height: int) -> None:
    """A black picture, compressed a thousandfold."""

    def chunk(name: bytes, content: bytes) -> bytes:
        check = struct.pack(">I", zlib.crc32(name + content))
        return struct.pack(">I", len(content)) + name + content + check

    rows = zlib.compressobj(9)
    content = b"".join(rows.compress(bytes(1 + 3 * width)) for _ in range(height)) + rows.flush()
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    chunks = ((b"IHDR", header), (b"IDAT", content), (b"IEND", b""))
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + b"".join(chunk(*c) for c in chunks))


def frames(path: Path) -> int:
    return sum(1 for _ in sampled_pictures(path, [1.0], Stretch()))


def peak_mib(_: Path) -> int:
    """The most memory that this process has had in use."""
    (line,) = [x for x in Path("/proc/self/status").read_text().splitlines() if "VmHWM" in x]
    return int(line.split()[1]) >> 10


class TestAudio:
    def flac(self, path: Path, num_samples: int) -> Path:
        """Eight channels of silence, 20,000 samples, and what it says of their number."""
        soundfile.write(path, np.zeros((20_000, 8)), RATE_HZ)
        content = bytearray(path.read_bytes())
        content[21] &= 0xF0
        content[22:26] = num_samples.to_bytes(4, "big")
        path.write_bytes(content)
        return path

    def test_decoded_bytes_are_limited_before_they_are_allocated(self, tmp_path: Path) -> None:
        path = self.flac(tmp_path / "a.flac", 600 * RATE_HZ)  # ten minutes fit
        with pytest.raises(UnreadableError, match="undecodable"):
            read_audio(path)
        path = self.flac(tmp_path / "a.flac", 2100 * RATE_HZ)
        with Child() as child:
            before = child.call(peak_mib, path)
            with pytest.raises(UnreadableError, match="1,075,200,000 bytes of decoded") as caught:
                child.call(read_audio, path)
            assert caught.value.reason == "too-large"
            assert child.call(peak_mib, path) < before + 60

    def test_decoded_bytes_are_limited_where_the_file_states_nothing(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        path = self.flac(tmp_path / "a.flac", 0)
        assert len(read_audio(path)[0]) == 20_000
        monkeypatch.setattr("extract.media.files.mix.MAX_AUDIO_BYTES", 320_000)
        with pytest.raises(UnreadableError, match="bytes of decoded samples; at most 320,000"):
            read_audio(path)

    def test_a_short_stretch_of_a_large_file_is_read(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("extract.media.files.mix.MAX_AUDIO_BYTES", 4 * RATE_HZ)
        soundfile.write(tmp_path / "a.wav", tone(3.0), RATE_HZ)
        with pytest.raises(UnreadableError, match="192,000 bytes of decoded samples; at most 64"):
            read_audio(tmp_path / "a.wav")
        assert len(read_audio(tmp_path / "a.wav", 1.5, 2.5)[0]) == RATE_HZ


class TestFrames:
    def test_an_image_of_too_many_pixels_is_never_decoded(self, tmp_path: Path) -> None:
        write_png(tmp_path / "a.mp4", 9000, 5000)
        with Child() as child:
            before = child.call(peak_mib, tmp_path)
            with pytest.raises(UnreadableError, match="pixels") as caught:
                child.call(frames, tmp_path / "a.mp4")
            assert caught.value.reason == "too-large"
            assert child.call(peak_mib, tmp_path) < before + 60  # it would be 130 MiB

    def test_a_video_of_too_many_pixels_is_never_decoded(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        write_video(tmp_path / "a.mp4", [50] * 3, size=(64, 80))
        monkeypatch.setattr("extract.media.files.container.MAX_FRAME_PIXELS", 5119)
        with pytest.raises(UnreadableError, match="5,120 pixels in a frame; at most 5,119") as it:
            frames(tmp_path / "a.mp4")
        assert it.value.reason == "too-large"

    def test_the_frames_of_a_clip_are_limited(self, monkeypatch: pytest.MonkeyPatch) -> None:
        class Whole:
            rate_hz, face_weights = 1.0, None

            def frame(self, picture: Any) -> Any:
                return picture

        monkeypatch.setattr("extract.fill.prepare.MAX_CLIP_BYTES", 3000)
        take = Take(Whole())  # type: ignore[arg-type]
        for _ in range(4):
            take.add(np.zeros((10, 10, 3), np.uint8), 3, {})
        assert take.prepared(None).reason == "too-large"
        assert (
            take.prepared(None).detail == "it has 3,600 bytes of frames or more; at most 3,000"
            " are decoded"
        )

    def test_a_narrow_frame_does_not_become_a_huge_one(self) -> None:
        with pytest.raises(UnreadableError, match="pixels in a resized frame"):
            Shape(224, (224, 224))(np.zeros((1, 5000, 3), np.uint8))
        assert Shape(224, (224, 224))(np.zeros((4, 40, 3), np.uint8)).shape == (224, 224, 3)


def take_memory(_: Path, num_bytes: int) -> int:
    return int(np.ones(num_bytes, np.uint8).sum())


def lower_limit(_: Path, num_bytes: int) -> None:
    limit_memory(num_bytes)


class TestChild:
    def test_its_memory_is_limited_and_says_nothing_about_the_file(self, tmp_path: Path) -> None:
        with Child() as child:
            with pytest.raises(ProjectError, match=r"a.flac takes more memory .*known_bad"):
                child.call(take_memory, tmp_path / "a.flac", MAX_BYTES)
            child.call(lower_limit, tmp_path, 2**30 + 2**29)
            with pytest.raises(ProjectError, match="takes more memory"):
                child.call(take_memory, tmp_path / "a.flac", 2**30 + 2**29)
            assert child.call(take_memory, tmp_path, 1000) == 1000

    def test_a_crash_that_a_second_try_does_not_have_is_forgotten(self, tmp_path: Path) -> None:
        with Child() as child:
            assert child.call(crash_once, tmp_path / "tried", signal.SIGSEGV) == "decoded"
            with pytest.raises(UnreadableError, match=r"crashed on it twice \(signal 11\)"):
                child.call(crash, tmp_path / "a.wav", signal.SIGSEGV)
            assert child.call(os.path.basename, "/a/b") == "b"

    def test_a_signal_from_outside_is_never_the_fault_of_the_file(self, tmp_path: Path) -> None:
        with Child() as child, pytest.raises(ProjectError, match="ended unexpectedly"):
            child.call(crash, tmp_path / "a.wav", signal.SIGTERM)


def crash(_: Path, number: int) -> None:
    os.kill(os.getpid(), number)
    time.sleep(10)


def crash_once(path: Path, number: int) -> str:
    if not path.exists():
        path.write_text("")
        crash(path, number)
    return "decoded"


class TestPaths:
    @pytest.fixture
    def root(self, tmp_path: Path) -> Path:
        for folder in ("root/audio", "outside"):
            (tmp_path / folder).mkdir(parents=True)
        soundfile.write(tmp_path / "root/audio/a.wav", tone(0.2), RATE_HZ)
        soundfile.write(tmp_path / "outside/b.wav", tone(0.2), RATE_HZ)
        return tmp_path / "root"

    def test_pipes_devices_and_folders_are_not_media(self, root: Path) -> None:
        os.mkfifo(root / "pipe.wav")
        (root / "zero.wav").symlink_to("/dev/zero")
        with socket.socket(socket.AF_UNIX) as served:
            served.bind(os.path.relpath(root / "socket.wav"))
            for name in ("pipe.wav", "zero.wav", "audio", "socket.wav"):
                assert f"{name} is not a regular file" in (file_fault(root, name) or "")
                with pytest.raises(UnreadableError, match="not a regular file"):
                    read_audio(root / name)
                with pytest.raises(UnreadableError, match="not a regular file"):
                    frames(root / name)
                assert centre_channel(root / name) is None
        assert "does not exist" in (file_fault(root, "absent.wav") or "")

    def test_links_out_of_the_root_are_not_followed(self, root: Path) -> None:
        (root / "absolute.wav").symlink_to(root.parent / "outside/b.wav")
        (root / "relative.wav").symlink_to("../outside/b.wav")
        (root / "folder").symlink_to("../outside")
        for name in ("absolute.wav", "relative.wav", "folder/b.wav"):
            assert "leads out of the corpus, to" in (file_fault(root, name) or "")

    def test_links_within_and_to_files_named_by_their_digest_are_followed(self, root: Path) -> None:
        digest = "d41d8cd98f00b204e9800998ecf8427e"
        (root / "same.wav").symlink_to("audio/a.wav")
        stores = (f"files/md5/{digest[:2]}/{digest[2:]}", f"annex/SHA1-s9--{digest}.wav", digest)
        for number, name in enumerate(stores):
            target = root.parent / "outside" / name
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(b"RIFF")
            (root / f"{number}.wav").symlink_to(target)
            assert file_fault(root, f"{number}.wav") is None
        (root.parent / "other").symlink_to(root)
        assert file_fault(root, "same.wav") is file_fault(root.parent / "other", "same.wav") is None

    @pytest.mark.parametrize("setting", ["file", "folds"])
    def test_tables_are_files_of_the_corpus(self, root: Path, tmp_path: Path, setting: str) -> None:
        (tmp_path / "table.csv").write_text("id,text\na,hm\n")
        (root / "link.csv").symlink_to(tmp_path / "table.csv")
        os.mkfifo(root / "pipe.csv")
        for name, fault in (("link.csv", "leads out of the corpus"), ("pipe.csv", "is not a reg")):
            options = {"file": name} if setting == "file" else {"file": "none.csv"}
            folds = name if setting == "folds" else None
            spec = CorpusSpec("mine", root, LeafSpec("table", options), folds=folds)
            with pytest.raises(ProjectError, match=f"corpora.mine.{setting}: .*{name} .*{fault}"):
                read_corpus(spec)

    def test_checkpoints_are_made_of_files(self, tmp_path: Path) -> None:
        (tmp_path / "net").mkdir()
        os.mkfifo(tmp_path / "net/config.json")
        with pytest.raises(ProjectError, match="net/config.json is a folder, a pipe or a device"):
            checkpoint_folder(str(tmp_path / "net"), None)

    def test_they_are_named_in_the_notes_and_missing_in_the_store(
        self, tmp_path: Path, own_demo: Path
    ) -> None:
        world = World(tmp_path, own_demo)
        os.mkfifo(own_demo / "pipe.wav")
        outside = tmp_path / "b.wav"
        soundfile.write(outside, tone(0.2), RATE_HZ)
        (own_demo / "link.wav").symlink_to(outside)
        for place, name in ((0, "pipe.wav"), (3, "link.wav")):
            world.manifest[place] = replace(world.manifest[place], audio=name, audio_digest=None)
        (note,) = [
            line for line in contradictions(own_demo, world.manifest) if "cannot be read" in line
        ]
        assert note.startswith("2 files cannot be read: ") and "pipe.wav is not a regular" in note
        assert f"link.wav is a link that leads out of the corpus, to {outside}" in note
        filled = world.extract(replace(SMALL, max_failed=2))
        assert filled.reasons == {"ok": 30, "missing": 2}


def test_the_limits_are_what_the_page_says() -> None:
    assert errors.MAX_FRAME_PIXELS >= 7680 * 4320  # 8K
    assert errors.MAX_AUDIO_BYTES >= 4 * 2 * 48_000 * 600  # ten minutes of stereo
    assert MAX_BYTES > 2 * errors.MAX_CLIP_BYTES + 2**30
