"""Faces: which square is cut out, what happens where there is none, and the detector's weights."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from click.testing import CliRunner

from app.stores.commands import stores
from extract.backbones.r3d import load
from extract.fill.fill import fill_store
from extract.fill.outcome import ExtractionResult
from extract.fill.prepare import prepare_video
from extract.media import faces
from extract.media.faces import FaceFinder, face_weights
from extract.media.frames import Stretch
from extract.media.text import Text
from extract.media.video import sampled_pictures
from extract.network.compute import CPU
from extract.plan.recipe import store_header
from features.errors import ProjectError
from features.files import digest_file
from features.leaves import leaf_constant, leaf_names, load_leaf
from features.manifest import Utterance
from features.specs.tracks import BackboneSpec, CorpusSpec, ExtractSpec, LeafSpec
from features.store.pool import Pool
from features.store.reader import Store
from features.store.verify import verify
from tests.conftest import ROOT
from tests.video_architectures import VIDEOS
from tests.videos import write_frames

# Takes cells of 8, 16 or 32 pixels that are white for faces (tests/bright_faces.py).
BRIGHT = ROOT / "tests" / "fixtures" / "bright_faces.onnx"
SPEC = BackboneSpec("r3d", "video", LeafSpec("r3d", {"weights": "random"}))


def white(left: int, top: int, size: int = 32, shape: tuple[int, int] = (128, 192)) -> Any:
    """A white square on black; on the detector's grid where left and top are multiples of size."""
    picture = np.zeros((*shape, 3), np.uint8)
    picture[top : top + size, left : left + size] = 255
    return picture


def columns(cut: Any) -> list[int]:
    """The columns that are white somewhere."""
    return np.flatnonzero(cut.max(axis=(0, 2)) > 200).tolist()


class TestFaceFinder:
    def test_the_square_has_a_margin_on_every_side(self) -> None:
        cut = FaceFinder(BRIGHT).cut(white(96, 64))
        assert cut is not None and cut.shape == (42, 42, 3)  # 1.3 times 32
        assert columns(cut) == list(range(5, 37)) == columns(cut.transpose(1, 0, 2))

    def test_a_square_that_would_reach_over_the_edge_is_moved(self) -> None:
        cut = FaceFinder(BRIGHT).cut(white(160, 0))
        assert cut is not None and cut.shape == (42, 42, 3)
        assert columns(cut) == list(range(10, 42))

    def test_the_largest_face_is_taken(self) -> None:
        picture = white(96, 64)
        picture[:16, :16] = 255
        assert FaceFinder(BRIGHT).largest(picture) == pytest.approx((96, 64, 32, 32))

    def test_no_face_is_none(self) -> None:
        assert FaceFinder(BRIGHT).cut(white(0, 0, size=4)) is None

    def test_a_large_picture_is_searched_in_a_smaller_copy(self) -> None:
        picture = white(256, 128, size=128, shape=(512, 2560))
        assert FaceFinder(BRIGHT).largest(picture) == pytest.approx((256, 128, 128, 128), abs=4)
        cut = FaceFinder(BRIGHT).cut(picture)
        assert cut is not None and abs(len(cut) - 166) <= 4


class TestWeights:
    def test_wrong_weights_are_refused_by_name(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(torch.hub, "get_dir", lambda: str(tmp_path))
        (tmp_path / "checkpoints").mkdir()
        (tmp_path / "checkpoints" / faces.WEIGHTS_NAME).write_bytes(b"not they")
        with pytest.raises(ProjectError, match="yunet_2026may.onnx, are damaged. Put"):
            face_weights(True)

    def test_absent_weights_say_what_to_do(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(torch.hub, "get_dir", lambda: str(tmp_path))
        monkeypatch.setattr(faces, "WEIGHTS_URL", (tmp_path / "gone.onnx").as_uri())
        with pytest.raises(ProjectError, match="could not be downloaded.*set face_crop to false"):
            face_weights(True)

    def test_weights_that_are_fetched_are_checked(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(torch.hub, "get_dir", lambda: str(tmp_path))
        monkeypatch.setattr(faces, "WEIGHTS_URL", BRIGHT.as_uri())
        with pytest.raises(ProjectError, match="could not be downloaded.*hash"):
            face_weights(True)
        monkeypatch.setattr(faces, "WEIGHTS_SHA256", digest_file(BRIGHT))
        assert face_weights(True) == tmp_path / "checkpoints" / faces.WEIGHTS_NAME

    def test_without_a_crop_there_are_none(self) -> None:
        assert face_weights(False) is None


@pytest.fixture
def network(monkeypatch: pytest.MonkeyPatch) -> Any:
    """R3D-18 on faces found by the detector of bright squares."""
    monkeypatch.setattr("extract.backbones.r3d.face_weights", lambda crop: BRIGHT if crop else None)
    return load(CPU, weights="random", rate_hz=10.0, size_px=16, crop="centre", face_crop=True)


def filled(network: Any, folder: Path, videos: dict[str, Any]) -> tuple[ExtractionResult, Store]:
    manifest = []
    for name, pictures in videos.items():
        write_frames(folder / f"{name}.mp4", pictures)
        digest = digest_file(folder / f"{name}.mp4")
        manifest.append(Utterance(name, video=f"{name}.mp4", video_digest=digest))
    corpus = CorpusSpec("c", folder, LeafSpec("demo", {}))
    path = folder / "features" / "cache" / "videos" / "r3d.zarr"
    done = fill_store(
        [(SPEC, network)], CPU, path, manifest, corpus, ExtractSpec(), Pool(folder / "pool")
    )
    assert verify(path) == []
    return done, Store(path)


@pytest.mark.slow
def test_frames_without_a_face_are_whole_and_counted(
    network: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    black = np.zeros((128, 192, 3), np.uint8)
    videos = {
        "all": [white(96, 64)] * 4,
        "some": [white(96, 64), black, black],
        "none": [black] * 2,
    }
    done, store = filled(network, tmp_path, videos)
    assert store.facts["num_faceless"].tolist() == [0, 2, 2]
    assert store.facts["num_frames"].tolist() == [4, 3, 2]
    assert done.facts == {"num_faceless": 4, "num_frames": 9}
    monkeypatch.chdir(tmp_path)
    output = CliRunner().invoke(stores, ["show", "videos/r3d"]).output
    assert "faces: no face in 4 of 9 frames; no face at all in 1 tracks" in output


# How each network on video is loaded; those with a checkpoint from one that is saved for it.
CROPPED: dict[str, list[dict[str, Any]]] = {
    "r3d": [{"weights": "random", "size_px": 16, "crop": "centre"}],
    "videomae": [{"checkpoint": "videomae-base", "layers": [1]}],
    "clip-frames": [{"checkpoint": "clip-vit-b32"}, {"checkpoint": "siglip-base"}],
    "videollama": [
        {"checkpoint": "tiny", "branch": "video", "grid": None},
        {"checkpoint": "tiny", "branch": "joint", "window_s": 4.0},
    ],
}


def on_video(code: str) -> bool:
    if leaf_constant("extract/backbones", code, "READS", None) is not None:
        return False  # it reads no pictures
    modality = leaf_constant("extract/backbones", code, "MODALITY")
    return "video" in ([modality] if isinstance(modality, str) else [*modality["branch"].values()])


def test_every_network_on_video_can_be_given_faces() -> None:
    assert set(CROPPED) == set(filter(on_video, leaf_names("extract/backbones")))


@pytest.mark.parametrize(
    ("code", "settings"), [(code, s) for code, many in CROPPED.items() for s in many]
)
def test_a_network_is_given_the_face_and_frames_without_one_are_counted(
    code: str, settings: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    leaf = load_leaf("extract/backbones", code)
    monkeypatch.setattr(leaf, "face_weights", lambda crop: BRIGHT if crop else None)
    settings = dict(settings)
    if settings.get("checkpoint") in VIDEOS:
        VIDEOS[settings["checkpoint"]].save(tmp_path)
        settings["checkpoint"] = str(tmp_path)
    network = leaf.load(CPU, rate_hz=10.0, face_crop=True, **settings)
    black = np.zeros((128, 192, 3), np.uint8)
    write_frames(tmp_path / "a.mp4", [white(96, 64), black, white(96, 64)])
    (prepared,) = prepare_video(
        [network.prepare], tmp_path / "a.mp4", [0], [Stretch()], Text("a b")
    )
    assert prepared.example is not None, prepared.detail
    assert prepared.example.facts["num_frames"] == 3 and prepared.example.facts["num_faceless"] == 1
    frames = np.concatenate([window.values[:3] for window in prepared.example.windows])
    # The white square is half of the cut's area and more, and a fortieth of the whole picture.
    bright = [float((frame > 128).mean()) for frame in frames]
    assert bright[0] > 0.5 and bright[1] == 0 and bright[2] > 0.5


def test_the_detector_is_part_of_the_recipe(
    network: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plain = load(CPU, weights="random", rate_hz=10.0, size_px=16, crop="centre")
    usual = store_header(network, SPEC, ExtractSpec())
    assert "bright_faces.onnx, SHA-256" in usual.backbone["face_detector"]
    assert store_header(plain, SPEC, ExtractSpec()).recipe != usual.recipe
    monkeypatch.setattr(faces, "VERSION", 99)
    assert store_header(network, SPEC, ExtractSpec()).recipe != usual.recipe


def test_faces_of_the_grid_corpus_are_found(shared_data: Path) -> None:
    path = Path(torch.hub.get_dir()) / "checkpoints" / faces.WEIGHTS_NAME
    if not path.is_file():
        pytest.skip(f"the detector's weights are not at {path}")
    finder = FaceFinder(path)
    num_found = num_pictures = 0
    for video in sorted((shared_data / "grid").glob("*.mpg")):
        for picture, _ in sampled_pictures(video, [1.0], Stretch()):
            cut = finder.cut(picture)
            num_found += cut is not None and 120 < len(cut) < 288
            num_pictures += 1
    assert num_found == num_pictures == 30
