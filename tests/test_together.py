"""Several networks over the same films: each file is decoded once, and nothing else changes."""

import shutil
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from extract.backbone import Window, load_backbone
from extract.compute import CPU
from extract.fill import Filled, fill, fill_with
from extract.media.child import Child
from features.files import digest_file
from features.manifest import Utterance
from features.specs import BackboneSpec, CorpusSpec, ExtractSpec, LeafSpec
from features.store.pool import Pool
from features.store.reader import Store
from tests.films import write_video

# Each decoding process reads the libraries of all networks first.
pytestmark = pytest.mark.slow

SPEC = ExtractSpec(part_bytes=6000)


def backbone(name: str, code: str, **options: Any) -> BackboneSpec:
    return BackboneSpec(name, "video", LeafSpec(code, options))


R3D = backbone("r3d", "r3d", weights="random", rate_hz=8.0, size_px=16)
SIGHT = backbone("sight", "videollama", branch="video", checkpoint="tiny", rate_hz=2.0)
JOINT = backbone("joint", "videollama", branch="joint", checkpoint="tiny", rate_hz=1.0)
ALL = (R3D, SIGHT, JOINT)


class World:
    """Some films and a pool."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.corpus = CorpusSpec("films", folder, LeafSpec("demo", {}))
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

    def fill(self, spec: BackboneSpec, companions: Sequence[BackboneSpec] = ()) -> Filled:
        return fill(
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
    real = Child.call_held

    def noted(child: Child, function: Any, *args: Any) -> Any:
        sent.append(args[0])
        return real(child, function, *args)

    monkeypatch.setattr(Child, "call_held", noted)
    return sent


def test_one_decoding_serves_all_and_leaves_the_same_bytes(
    world: World, decoded: list[Path]
) -> None:
    for spec in ALL:
        world.fill(spec)
    apart = [world.tree(spec) for spec in ALL]
    assert len(decoded) == 12 + 12 + 11  # one film has no words for the joint network
    shutil.rmtree(world.pool.folder)
    decoded.clear()
    together = world.fill(R3D, [SIGHT, JOINT])
    assert sorted(decoded) == sorted(world.folder / f"u{n}.mp4" for n in range(12))
    assert together.num_parts == together.num_made > 1
    for spec, expected in zip(ALL, apart, strict=True):
        assert world.fill(spec).num_made == 0
        assert world.tree(spec) == expected
    assert len(decoded) == 12


def test_a_film_without_words_is_absent_for_the_network_that_reads_them(world: World) -> None:
    world.fill(R3D, [JOINT])
    assert world.fill(JOINT).reasons == {"ok": 11, "absent": 1}
    assert Store(world.path(R3D)).reasons == ["ok"] * 12
    store = Store(world.path(JOINT))
    assert store.reasons[3] == "absent" and store.facts["num_video_steps"][3] == 0


def test_a_corrected_text_makes_the_joint_part_again_and_no_other(world: World) -> None:
    world.fill(R3D, [SIGHT, JOINT])
    world.manifest[5] = replace(world.manifest[5], text="corrected")
    made = {spec.name: world.fill(spec).num_made for spec in ALL}
    assert made == {"r3d": 0, "sight": 0, "joint": 1}


def test_only_the_films_that_some_network_lacks_are_decoded(
    world: World, decoded: list[Path]
) -> None:
    world.fill(R3D)
    decoded.clear()
    world.manifest[5] = replace(world.manifest[5], text="corrected")
    world.fill(JOINT)
    first = len(decoded)
    world.manifest[6] = replace(world.manifest[6], text="corrected")
    world.fill(R3D, [JOINT])
    assert 1 <= len(decoded) - first < 12


def test_a_network_that_cannot_be_loaded_is_left_to_a_run_of_its_own(
    world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    lost = backbone("lost", "videomae", checkpoint=str(world.folder / "nowhere"))
    assert world.fill(R3D, [lost]).reasons == {"ok": 12}
    assert "lost is not made in the same pass: the checkpoint" in capsys.readouterr().err


class Small:
    """A network on a device with little memory."""

    def __init__(self, inner: Any, most: int) -> None:
        self.inner, self.most = inner, most
        self.refused = 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self.inner, name)

    def encode(self, windows: Sequence[Window]) -> list[torch.Tensor]:
        if len(windows) > self.most:
            self.refused += 1
            raise torch.OutOfMemoryError("CUDA out of memory")
        tracks: list[torch.Tensor] = self.inner.encode(windows)
        return tracks


def test_a_lack_of_memory_in_one_network_begins_its_part_and_the_others_again(
    world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    for spec in (R3D, SIGHT):
        world.fill(spec)
    apart = [world.tree(spec) for spec in (R3D, SIGHT)]
    shutil.rmtree(world.pool.folder)
    small: Any = Small(load_backbone(SIGHT, CPU), most=1)
    loaded = [(R3D, load_backbone(R3D, CPU)), (SIGHT, small)]
    fill_with(loaded, CPU, world.path(R3D), world.manifest, world.corpus, SPEC, world.pool)
    assert small.refused > 0 and "out of memory on cpu" in capsys.readouterr().err
    world.fill(SIGHT)
    assert Store(world.path(SIGHT)).reasons == ["ok"] * 12
    assert [world.tree(R3D), world.tree(SIGHT).keys()] == [apart[0], apart[1].keys()]
