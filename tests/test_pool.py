"""The pool of parts: what counts as finished, and what is cleaned up."""

import shutil
from pathlib import Path

import pytest

from features.drafts import draft_of
from features.store.pool import Pool
from tests.test_store import add_part, pool, store_path  # noqa: F401


def test_a_part_counts_only_with_its_record(pool: Pool) -> None:
    part = add_part(pool, 0, (2, 1))
    assert pool.find(part.key) == part
    pool.record_path(part.key).unlink()
    assert pool.find(part.key) is None


@pytest.mark.parametrize("fault", ["missing", "truncated", "flipped", "foreign record"])
def test_a_part_that_disagrees_with_its_record_does_not_count(pool: Pool, fault: str) -> None:
    part = add_part(pool, 0, (2, 1))
    chunk = pool.chunk_path(part.key)
    raw = bytearray(chunk.read_bytes())
    if fault == "missing":
        chunk.unlink()
    elif fault == "truncated":
        chunk.write_bytes(raw[:-1])
    elif fault == "flipped":
        raw[3] ^= 1
        chunk.write_bytes(raw)
    else:
        record = pool.record_path(part.key)
        record.write_text(record.read_text().replace('"lengths":[2,1]', '"lengths":[1,2]'))
    assert pool.find(part.key) is None


def test_drafts_of_dead_processes_are_swept_away(pool: Pool) -> None:
    part = add_part(pool, 0, (2,))
    folder = pool.chunk_path(part.key).parent
    of_an_earlier_version = folder / ".x.chunk.0a0a0a0a-99999999.tmp"
    of_an_earlier_version.write_text("")
    with draft_of(folder / "x.chunk") as alive:
        alive.write_text("half")
        pool.sweep()
        assert alive.exists() and not of_an_earlier_version.exists()
    assert pool.find(part.key) == part


def test_relinking_shares_the_bytes_of_an_identical_file_only(
    pool: Pool, store_path: Path, tmp_path: Path
) -> None:
    chunk = store_path / "parts/00abc/c/0/0/0"
    cached = tmp_path / "dvc-cache"
    shutil.copy(chunk, cached)
    chunk.unlink()
    chunk.symlink_to(cached)
    assert pool.relink("00abc", chunk) is True
    assert pool.chunk_path("00abc").samefile(cached)
    assert pool.relink("00abc", chunk) is False
    other = store_path / "parts/01abc/c/0/0/0"
    assert pool.relink("00abc", other) is False


def test_a_chunk_of_another_part_does_not_count_though_it_is_whole(pool: Pool) -> None:
    """Its own check sum is right; that in the record is another one."""
    part, other = add_part(pool, 0, (2, 1)), add_part(pool, 1, (2, 1))
    assert part.shape == other.shape and part.crc32c != other.crc32c
    shutil.copy(pool.chunk_path(other.key), pool.chunk_path(part.key))
    assert pool.find(part.key) is None and pool.find(other.key) == other
