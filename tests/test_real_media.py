"""Real video and speech through the backbones: the clips of the GRID corpus."""

from pathlib import Path

import pytest
import torch

from extract.fill.fill import extract_tracks
from features.files import digest_file
from features.manifest import Utterance
from features.specs.tracks import BackboneSpec, CorpusSpec, ExtractSpec, LeafSpec
from features.store.pool import Pool
from features.store.reader import Store
from features.store.verify import verify

pytestmark = pytest.mark.slow

R3D = {"weights": "random", "rate_hz": 25.0, "size_px": 56, "seed": 0}
WAV2VEC2 = {"checkpoint": "random", "revision": None, "layers": [9, 12], "seed": 0}


@pytest.fixture
def manifest(shared_data: Path) -> list[Utterance]:
    clips = sorted((shared_data / "grid").glob("*.mpg"))
    assert len(clips) == 10
    digests = [digest_file(clip) for clip in clips]
    return [
        Utterance(
            clip.stem, audio=clip.name, video=clip.name, audio_digest=digest, video_digest=digest
        )
        for clip, digest in zip(clips, digests, strict=True)
    ]


def store(shared_data: Path, manifest: list[Utterance], spec: BackboneSpec, folder: Path) -> Store:
    corpus = CorpusSpec("grid", shared_data / "grid", LeafSpec("grid", {}))
    path = folder / f"{spec.name}.zarr"
    filled = extract_tracks(
        path, manifest, corpus, spec, ExtractSpec(), torch.device("cpu"), Pool(folder / "pool")
    )
    assert filled.reasons == {"ok": 10} and verify(path) == []
    return Store(path)


def test_r3d_gives_a_step_per_eight_frames(
    shared_data: Path, manifest: list[Utterance], tmp_path: Path
) -> None:
    tracks = store(
        shared_data, manifest, BackboneSpec("r3d", "video", LeafSpec("r3d", R3D)), tmp_path
    )
    assert tracks.lengths.tolist() == [10] * 10  # 75 frames at 25 Hz
    assert tracks.dim == 512


def test_wav2vec2_gives_fifty_steps_per_second(
    shared_data: Path, manifest: list[Utterance], tmp_path: Path
) -> None:
    spec = BackboneSpec("w2v2", "audio", LeafSpec("wav2vec2", WAV2VEC2))
    tracks = store(shared_data, manifest, spec, tmp_path)
    assert all(147 <= length <= 150 for length in tracks.lengths)  # 3 s less the last window
    assert (tracks.num_layers, tracks.dim) == (2, 768)
