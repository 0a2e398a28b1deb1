"""Media cut short and with flipped bits: a few of what the benchmark does by the hundred."""

from pathlib import Path

import pytest

from benchmarks.checks.damaged_media import (
    FORMATS,
    Damaged,
    damaged_files,
    missing_neighbours,
    outcomes,
)
from extract.media.serve import MAX_BYTES

pytestmark = pytest.mark.slow


def test_damaged_files_are_named_and_their_neighbours_extracted(tmp_path: Path) -> None:
    files = damaged_files(tmp_path, 2, seed=5)
    assert len(files) == 2 * 2 * len(FORMATS)
    counts, memory_bytes = outcomes(files)
    assert sum(tally["wrong"] for tally in counts.values()) == 0
    for case, tally in counts.items():
        if case.endswith("cut") or case.startswith(("flac", "ogg")):
            assert tally == {"named undecodable": 2}, case
    assert 0 < memory_bytes < MAX_BYTES / 8
    assert missing_neighbours(tmp_path, files) == []


def test_the_check_finds_what_is_wrong(tmp_path: Path) -> None:
    healthy, *_ = damaged_files(tmp_path, 1, seed=0)
    other = tmp_path / "other.wav"
    other.write_bytes(healthy.healthy.read_bytes()[:-3200])
    # A file that is shorter than the healthy one and states what it has.
    content = bytearray(other.read_bytes())
    content[40:44] = (len(content) - 44).to_bytes(4, "little")
    other.write_bytes(content)
    counts, _ = outcomes([Damaged(other, healthy.healthy, "cut")])
    assert counts == {"wav, audio, cut": {"wrong": 1}}
