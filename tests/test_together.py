"""Several networks over the same videos: each file is decoded once, and nothing else changes."""

import shutil
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
import torch

from extract.fill.fill import extract_tracks, fill_store
from extract.fill.outcome import ExtractionResult
from extract.media.child import Child
from extract.network.backbone import Window, load_backbone
from extract.network.compute import CPU
from features.errors import ProjectError
from features.files import digest_file
from features.manifest import Utterance
from features.specs.tracks import BackboneSpec, CorpusSpec, ExtractSpec, LeafSpec
from features.store.pool import Pool
from features.store.reader import Store
from tests.videos import write_frames, write_video

# Each decoding process reads the libraries of all networks first.
pytestmark = pytest.mark.slow

SPEC = ExtractSpec(part_bytes=6000)


def backbone(name: str, code: str, **options: Any) -> BackboneSpec:
    return BackboneSpec(name, "video", LeafSpec(code, options))


R3D = backbone("r3d", "r3d", weights="random", rate_hz=8.0, size_px=16)
SIGHT = backbone("sight", "videollama", branch="video", checkpoint="tiny", rate_hz=2.0)
JOINT = backbone("joint", "videollama", branch="joint", checkpoint="tiny", rate_hz=1.0)
ALL = (R3D, SIGHT, JOINT)
# All its windows are of one length, so they share batches.
WINDOWS = backbone(
    "windows", "r3d", weights="random", rate_hz=8.0, size_px=16, window_frames=16, stride_frames=16
)


class World:
    """Some videos and a pool."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.corpus = CorpusSpec("videos", folder, LeafSpec("demo", {}))
        self.pool = Pool(folder / "pool")
        self.manifest = []
        for number in range(12):
            path = folder / f"u{number}.mp4"
            write_video(path, np.linspace(0, 200, 10 + 3 * number).astype(int).tolist())
            text = None if number == 3 else f"number {number}"
            self.manifest.append(
                Utterance(path.stem, text=text, video=path.name, video_digest=digest_file(path))
            )

    def path(self, spec: BackboneSpec) -> Path:
        return self.folder / f"{spec.name}.zarr"

    def extract(
        self, spec: BackboneSpec, companions: Sequence[BackboneSpec] = ()
    ) -> ExtractionResult:
        return extract_tracks(
            self.path(spec), self.manifest, self.corpus, spec, SPEC, torch.device("cpu"),
            self.pool, companions,
        )  # fmt: skip

    def tree(self, spec: BackboneSpec) -> dict[str, bytes]:
        files = (f for f in self.path(spec).rglob("*") if f.is_file())
        return {f.relative_to(self.path(spec)).as_posix(): f.read_bytes() for f in files}


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


@pytest.fixture
def decoded(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """The paths that are sent to a decoding process."""
    sent: list[Path] = []
    real = Child.call_prepares

    def noted(child: Child, function: Any, *args: Any) -> Any:
        sent.append(Path(str(args[0])))
        return real(child, function, *args)

    monkeypatch.setattr(Child, "call_prepares", noted)
    return sent


def test_one_decoding_serves_all_and_leaves_the_same_bytes(
    world: World, decoded: list[Path]
) -> None:
    for spec in ALL:
        world.extract(spec)
    apart = [world.tree(spec) for spec in ALL]
    assert len(decoded) == 12 + 12 + 11  # one video has no words for the joint network
    shutil.rmtree(world.pool.folder)
    decoded.clear()
    together = world.extract(R3D, [SIGHT, JOINT])
    assert sorted(decoded) == sorted(world.folder / f"u{n}.mp4" for n in range(12))
    assert together.num_parts == together.num_made > 1
    for spec, expected in zip(ALL, apart, strict=True):
        assert world.extract(spec).num_made == 0
        assert world.tree(spec) == expected
    assert len(decoded) == 12


def test_a_video_without_words_is_absent_for_the_network_that_reads_them(world: World) -> None:
    world.extract(R3D, [JOINT])
    assert world.extract(JOINT).reasons == {"ok": 11, "absent": 1}
    assert Store(world.path(R3D)).reasons == ["ok"] * 12
    store = Store(world.path(JOINT))
    assert store.reasons[3] == "absent" and store.facts["num_video_steps"][3] == 0


def test_a_corrected_text_makes_the_joint_part_again_and_no_other(world: World) -> None:
    world.extract(R3D, [SIGHT, JOINT])
    world.manifest[5] = replace(world.manifest[5], text="corrected")
    made = {spec.name: world.extract(spec).num_made for spec in ALL}
    assert made == {"r3d": 0, "sight": 0, "joint": 1}


def test_only_the_videos_that_some_network_lacks_are_decoded(
    world: World, decoded: list[Path]
) -> None:
    world.extract(R3D)
    decoded.clear()
    world.manifest[5] = replace(world.manifest[5], text="corrected")
    world.extract(JOINT)
    first = len(decoded)
    world.manifest[6] = replace(world.manifest[6], text="corrected")
    world.extract(R3D, [JOINT])
    # Those of the one part with u6, by its index.
    world.extract(JOINT)
    number = Store(world.path(JOINT))._parts
    same = [n for n in range(12) if number[n] == number[6] and n != 3]  # u3 has no words
    assert sorted(decoded[first:]) == sorted(world.folder / f"u{n}.mp4" for n in same)
    assert len(same) < 11


def test_a_network_that_cannot_be_loaded_is_left_to_a_run_of_its_own(
    world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    lost = backbone("lost", "videomae", checkpoint=str(world.folder / "nowhere"))
    assert world.extract(R3D, [lost]).reasons == {"ok": 12}
    assert "lost is not made in the same pass: the checkpoint" in capsys.readouterr().err


class Small:
    """A network on a device with little memory."""

    def __init__(self, inner: Any, most: int) -> None:
        self.inner, self.network, self.most = inner, inner.network, most
        self.calls = 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self.inner, name)

    def encode(self, windows: Sequence[Window]) -> list[torch.Tensor]:
        self.calls += 1
        if len(windows) > self.most:
            raise torch.OutOfMemoryError("CUDA out of memory")
        tracks: list[torch.Tensor] = self.inner.encode(windows)
        return tracks


def tracks(world: World, spec: BackboneSpec) -> list[torch.Tensor]:
    store = Store(world.path(spec))
    return [torch.from_numpy(np.array(store.track(row))) for row in range(12)]


def test_a_companion_that_fills_the_memory_is_left_to_a_run_of_its_own(
    world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    for spec in (R3D, WINDOWS):
        world.extract(spec)
    expected, before = world.tree(R3D), tracks(world, WINDOWS)
    shutil.rmtree(world.pool.folder)
    small: Any = Small(load_backbone(WINDOWS, CPU), most=1)
    fill_loaded(world, (R3D, load_backbone(R3D, CPU)), (WINDOWS, small))
    printed = capsys.readouterr().err
    assert "videos-windows is left for a separate run: the networks do not fit" in printed
    assert all(weight.is_meta for weight in small.network.parameters())  # their memory is free
    assert world.tree(R3D) == expected and "out of memory on cpu" not in printed
    shutil.rmtree(world.path(WINDOWS))
    small = Small(load_backbone(WINDOWS, CPU), most=1)
    fill_loaded(world, (WINDOWS, small))
    assert "out of memory on cpu" in capsys.readouterr().err
    for track, expected_track in zip(tracks(world, WINDOWS), before, strict=True):
        assert torch.allclose(track, expected_track, rtol=1e-2, atol=1e-5)  # float16


def test_the_first_network_shrinks_its_batches_when_it_is_alone(
    world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    small: Any = Small(load_backbone(WINDOWS, CPU), most=1)
    parts = replace(SPEC, part_bytes=10**6)  # one for all, so that r3d is not finished before
    fill_loaded(world, (WINDOWS, small), (R3D, load_backbone(R3D, CPU)), spec=parts)
    printed = capsys.readouterr().err
    left = "videos-r3d is left for a separate run"
    assert printed.index(left) < printed.index("out of memory on cpu")
    assert Store(world.path(WINDOWS)).reasons == ["ok"] * 12


def test_a_companion_without_room_for_one_window_stops_nothing(
    world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    none: Any = Small(load_backbone(WINDOWS, CPU), most=0)
    none.budget = 1  # every window alone
    fill_loaded(world, (R3D, load_backbone(R3D, CPU)), (WINDOWS, none))
    printed = capsys.readouterr().err
    left = "videos-windows is left for a separate run: videos-windows: one window of"
    assert printed.count(left) == 1 and none.calls == 1
    assert Store(world.path(R3D)).reasons == ["ok"] * 12


def test_two_names_of_one_network_are_made_once(world: World) -> None:
    twin = replace(R3D, name="twin")
    network: Any = Small(load_backbone(R3D, CPU), most=99)
    fill_loaded(world, (R3D, load_backbone(R3D, CPU)), (twin, network))
    assert network.calls == 0
    assert world.extract(twin).num_made == 0


def test_a_video_that_changes_its_size_fails_for_the_network_that_minds(world: World) -> None:
    path = world.folder / "u5.mp4"
    parts = []
    for number, size in enumerate([(32, 48), (64, 48)]):
        part = world.folder / f"part{number}.ts"
        pictures = [np.full((*size, 3), 90, np.uint8)] * 10
        times = range(10 * number, 10 * number + 10)
        write_frames(part, pictures, 25, times=times, codec="mpeg2video", options={})
        parts.append(part.read_bytes())
    path = world.folder / "u5.ts"
    path.write_bytes(b"".join(parts))
    world.manifest[5] = replace(world.manifest[5], video=path.name, video_digest=digest_file(path))
    spec = replace(SPEC, max_failed=1)
    loaded = [(R3D, load_backbone(R3D, CPU)), (SIGHT, load_backbone(SIGHT, CPU))]
    fill_loaded(world, *loaded)
    assert Store(world.path(R3D)).reasons == ["ok"] * 12
    fill_loaded(world, loaded[1], spec=spec)
    assert Store(world.path(SIGHT)).reasons[5] == "undecodable"


def test_a_corpus_without_words_has_no_joint_track(world: World) -> None:
    world.manifest = [replace(utterance, text=None) for utterance in world.manifest]
    with pytest.raises(ProjectError, match="the corpus 'videos' has no text, which the backbone"):
        world.extract(JOINT)


def test_one_decoding_of_audio_serves_two_networks(tmp_path: Path, decoded: list[Path]) -> None:
    manifest = []
    for number in range(4):
        path = tmp_path / f"u{number}.wav"
        soundfile.write(path, np.random.default_rng(number).normal(0, 0.1, 9000), 16_000)
        manifest.append(Utterance(path.stem, audio=path.name, audio_digest=digest_file(path)))
    corpus = CorpusSpec("recordings", tmp_path, LeafSpec("demo", {}))
    mel = BackboneSpec("mel", "audio", LeafSpec("log-mel", {"num_bands": 8}))
    omni = BackboneSpec("omni", "audio", LeafSpec("omni-audio", {"checkpoint": "tiny"}))
    pool, device = Pool(tmp_path / "pool"), torch.device("cpu")
    extract_tracks(tmp_path / "mel.zarr", manifest, corpus, mel, SPEC, device, pool, [omni])
    assert len(decoded) == 4
    done = extract_tracks(tmp_path / "omni.zarr", manifest, corpus, omni, SPEC, device, pool)
    assert done.num_made == 0 and done.reasons == {"ok": 4}


def fill_loaded(
    world: World, *loaded: tuple[BackboneSpec, Any], spec: ExtractSpec = SPEC
) -> ExtractionResult:
    path = world.path(loaded[0][0])
    return fill_store(loaded, CPU, path, world.manifest, world.corpus, spec, world.pool)
