"""The memory that an extraction takes does not grow with the corpus."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile

from tests.conftest import ROOT

pytestmark = pytest.mark.slow

# Tokenised texts of ten words; the network is as small as can be.
TEXTS = """
import resource, sys
from pathlib import Path
import torch
from extract.backbones.hf_text import tiny
from extract.network.compute import CPU
from extract.fill.fill import fill_store
from features.manifest import Utterance
from features.specs.tracks import BackboneSpec, CorpusSpec, ExtractSpec, LeafSpec
from features.store.pool import Pool

folder, count = Path(sys.argv[1]), int(sys.argv[2])
manifest = [Utterance(f"u{n}", text="a b c d e f g h i j") for n in range(count)]
spec = BackboneSpec("tiny", "text", LeafSpec("hf-text", {}))
fill_store(
    [(spec, tiny())], CPU, folder / str(count) / "store.zarr", manifest,
    CorpusSpec("c", folder, LeafSpec("demo", {})), ExtractSpec(),
    Pool(folder / str(count) / "pool"),
)
whose = (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
print(*(resource.getrusage(who).ru_maxrss // 1024 for who in whose))
"""
# Prints the peak of this process and that of its largest child, in MiB.
PROGRAM = """
import resource, sys
from pathlib import Path
import torch
from extract.fill.fill import extract_tracks
from features.files import digest_file
from features.manifest import Utterance
from features.specs.tracks import BackboneSpec, CorpusSpec, ExtractSpec, LeafSpec
from features.store.pool import Pool

folder, count = Path(sys.argv[1]), int(sys.argv[2])
digest = digest_file(folder / "clip.wav")
manifest = [Utterance(f"u{n}", audio="clip.wav", audio_digest=digest) for n in range(count)]
extract_tracks(
    folder / str(count) / "store.zarr", manifest, CorpusSpec("c", folder, LeafSpec("demo", {})),
    BackboneSpec("mel", "audio", LeafSpec("log-mel", {"num_bands": 64})),
    ExtractSpec(part_bytes=2_000_000), torch.device("cpu"), Pool(folder / str(count) / "pool"),
)
whose = (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
print(*(resource.getrusage(who).ru_maxrss // 1024 for who in whose))
"""


def peaks_mib(folder: Path, count: int, program: str = PROGRAM, *more: str) -> list[int]:
    done = subprocess.run(
        [sys.executable, "-c", program, str(folder), str(count), *more],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    return [int(number) for number in done.stdout.split()]


def test_a_corpus_ten_times_larger_raises_the_peak_by_a_tenth_at_most(tmp_path: Path) -> None:
    noise = np.random.default_rng(0).normal(0, 0.1, 5 * 16_000)
    soundfile.write(tmp_path / "clip.wav", noise, 16_000)
    # In all 1.3 GB of samples and 510 MB of float32 tracks, if anything kept them.
    small, large = peaks_mib(tmp_path, 400), peaks_mib(tmp_path, 4000)
    print(f"peaks of 400 and of 4000 utterances: {small} and {large} MiB")
    assert all(after <= 1.1 * before for before, after in zip(small, large, strict=True))


def test_ten_times_more_texts_raise_the_peak_by_a_tenth_at_most(tmp_path: Path) -> None:
    small, large = peaks_mib(tmp_path, 1500, TEXTS), peaks_mib(tmp_path, 15_000, TEXTS)
    print(f"peaks of 1,500 and of 15,000 texts: {small} and {large} MiB")
    assert all(after <= 1.1 * before for before, after in zip(small, large, strict=True))


# Wide tracks, each 2.6 MB, that stay on disk.
WIDE = """
import resource, sys
from pathlib import Path
import features.store.reader as reader
import train.data.dataset as dataset
from benchmarks import wide

folder, count = Path(sys.argv[1]) / sys.argv[2], int(sys.argv[2])
dataset.RESIDENT_BYTES, reader.MAX_MAPPED_BYTES = 2**20, 2**26
folder.mkdir(exist_ok=True)
getattr(wide, sys.argv[3])(folder, count)
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024)
"""


def test_wide_tracks_are_written_and_trained_on_in_bounded_memory(tmp_path: Path) -> None:
    for stage in ("write", "train"):
        small, large = (peaks_mib(tmp_path, count, WIDE, stage)[0] for count in (40, 160))
        print(f"{stage}: peaks of 40 and of 160 wide tracks: {small} and {large} MiB")
        assert large <= 1.15 * small  # the tracks that are more: 300 MiB
