"""Clips without any sound, files without video or audio: what is not there is counted and named."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch

from app.tables import without_sound
from extract.corpus.durations import contradictions
from extract.fill.fill import extract_tracks
from extract.media.audio import read_recording
from features.errors import ProjectError
from features.files import digest_file
from features.manifest import Segment, Utterance
from features.specs.tracks import BackboneSpec, CorpusSpec, ExtractSpec, LeafSpec
from features.store.pool import Pool
from features.store.reader import Store
from tests.fill_world import World
from tests.marked_videos import write_marked_video
from tests.test_media import RATE_HZ, tone, write_container
from tests.videos import write_video

pytestmark = pytest.mark.slow

CLIPS = BackboneSpec(
    "r3d", "video", LeafSpec("r3d", {"weights": "random", "size_px": 16, "rate_hz": 8.0})
)


def with_clips(world: World, clips: dict[str, np.ndarray]) -> None:
    """Replace the audio of the first utterances."""
    for place, (name, samples) in enumerate(clips.items()):
        path = world.corpus.root / f"{name}.wav"
        soundfile.write(path, samples, RATE_HZ, "PCM_16")
        digest = digest_file(path)
        changed = replace(world.manifest[place], audio=path.name, audio_digest=digest)
        world.manifest[place] = changed


class TestSilence:
    def test_silent_clips_are_counted_and_named(self, tmp_path: Path, own_demo: Path) -> None:
        world = World(tmp_path, own_demo)
        cancel = np.stack([tone(0.5), -tone(0.5)], axis=1)
        quiet = 0.01 * tone(0.5)
        with_clips(world, {"zeros": np.zeros(RATE_HZ), "cancel": cancel, "quiet": quiet})
        filled = world.extract()
        first, second = (utterance.id for utterance in world.manifest[:2])
        assert filled.doubtful == {"num_silent": (first, second)}
        assert filled.reasons == {"ok": 32}
        assert Store(world.path).facts["num_silent"].tolist() == [1, 1] + [0] * 30
        assert without_sound(filled.doubtful["num_silent"]).startswith(
            f"clips without any sound: 2 ({first}, {second}); they are silent, or"
        )

    def test_a_store_without_silent_clips_has_no_such_fact(
        self, tmp_path: Path, own_demo: Path
    ) -> None:
        world = World(tmp_path, own_demo)
        filled = world.extract()
        assert filled.doubtful == {} and "num_silent" not in Store(world.path).facts

    def test_silent_turns_of_a_session_are_counted(self, tmp_path: Path, own_demo: Path) -> None:
        world = World(tmp_path, own_demo)
        silence = np.zeros(RATE_HZ // 2)
        with_clips(world, {"session": np.concatenate([silence, tone(0.5), silence])})
        turns = tuple(Segment(0.5 * n, 0.5 * n + 0.5, "") for n in range(3))
        world.manifest[0] = replace(world.manifest[0], segments=turns)
        world.extract()
        assert Store(world.path).facts["num_silent"].tolist()[0] == 2

    def test_channels_that_cancel_after_lossy_encoding_are_silent_and_one_of_them_is_not(
        self, tmp_path: Path
    ) -> None:
        write_container(tmp_path / "a.mp4", np.stack([tone(1.0), -tone(1.0)]), "stereo")
        assert read_recording(tmp_path / "a.mp4").is_silent
        assert not read_recording(tmp_path / "a.mp4", channel=1).is_silent


class TestStreams:
    def manifest(self, folder: Path, names: list[str]) -> list[Utterance]:
        digests = [digest_file(folder / name) for name in names]
        return [
            Utterance(f"u{n}", video=name, video_digest=d, audio=name, audio_digest=d)
            for n, (name, d) in enumerate(zip(names, digests, strict=True))
        ]

    def extract(self, folder: Path, names: list[str], backbone: BackboneSpec) -> Store:
        path = folder / "store" / f"{backbone.name}.zarr"
        corpus = CorpusSpec("c", folder, LeafSpec("table", {}))
        device, pool = torch.device("cpu"), Pool(folder / "pool")
        manifest = self.manifest(folder, names)
        extract_tracks(path, manifest, corpus, backbone, ExtractSpec(), device, pool)
        return Store(path)

    @pytest.fixture
    def videos(self, tmp_path: Path) -> Path:
        """A video with audio, a file without video, and one without audio."""
        write_marked_video(tmp_path / "video.mkv", 2)
        write_container(tmp_path / "sound.mp4", tone(1.0)[None])
        write_video(tmp_path / "silent.mp4", [40, 80] * 5)
        return tmp_path

    def test_a_file_without_video_is_absent_and_no_failure(
        self, videos: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        store = self.extract(videos, ["video.mkv", "sound.mp4", "silent.mp4"], CLIPS)
        assert list(store.reasons) == ["ok", "absent", "ok"]
        assert "r3d: u1: absent: it has no video stream" in capsys.readouterr().err.replace(
            "c-r3d", "r3d"
        )

    def test_a_file_without_audio_is_absent_and_no_failure(self, videos: Path) -> None:
        mel = BackboneSpec("log-mel", "audio", LeafSpec("log-mel", {"num_bands": 8}))
        store = self.extract(videos, ["video.mkv", "sound.mp4", "silent.mp4"], mel)
        assert list(store.reasons) == ["ok", "ok", "absent"]

    def test_the_cover_of_a_recording_is_not_its_video(self, videos: Path) -> None:
        soundfile.write(videos / "a.flac", tone(0.5), RATE_HZ)
        with pytest.raises(ProjectError, match="none of the files that the corpus names as video"):
            self.extract(videos, ["a.flac", "sound.mp4"], CLIPS)

    def test_they_are_named_in_the_notes(self, videos: Path) -> None:
        names = ["video.mkv", "sound.mp4", "silent.mp4"]
        assert contradictions(videos, self.manifest(videos, names)) == [
            "1 audio files have no audio: u2 (silent.mp4)",
            "1 video files have no video: u1 (sound.mp4)",
        ]
