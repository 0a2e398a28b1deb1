"""Verification of stores: any damage is found and named."""

import shutil
from pathlib import Path

import numpy as np
import pytest

from features.errors import ProjectError
from features.store.reader import Store
from features.store.verify import verify
from tests.test_store import pool, store_path  # noqa: F401


def test_a_complete_store_has_no_problems(store_path: Path) -> None:
    assert verify(store_path) == []


@pytest.mark.slow
def test_a_flipped_bit_in_any_file_is_found(store_path: Path, tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    files = sorted(f.relative_to(store_path) for f in store_path.rglob("*") if f.is_file())
    silent = []
    for number, file in enumerate(files * 8):
        copy = tmp_path / f"copy-{number}"
        shutil.copytree(store_path, copy)
        raw = bytearray((copy / file).read_bytes())
        bit = int(random.integers(len(raw) * 8))
        raw[bit // 8] ^= 1 << bit % 8
        (copy / file).write_bytes(raw)
        if not verify(copy):
            silent.append((file, bit))
        shutil.rmtree(copy)
    assert silent == []


def test_a_truncated_chunk_is_found_and_named(store_path: Path) -> None:
    chunk = store_path / "parts/03abc/c/0/0/0"
    raw = chunk.read_bytes()
    chunk.unlink()
    chunk.write_bytes(raw[:-7])
    assert str(chunk) in verify(store_path)[0]


def test_a_missing_chunk_is_found_and_named(store_path: Path) -> None:
    chunk = store_path / "parts/00abc/c/0/0/0"
    chunk.unlink()
    assert str(chunk) in verify(store_path)[0]


def test_a_file_that_does_not_belong_is_found(store_path: Path) -> None:
    (store_path / "parts/extra").write_text("x")
    assert "do not match the digest" in verify(store_path)[0]


def test_empty_folders_and_links_that_do_not_belong_are_found(store_path: Path) -> None:
    (store_path / "parts/more/c").mkdir(parents=True)
    (store_path / "index/copy").symlink_to(store_path / "parts")
    (store_path / "index/link").symlink_to(store_path / "zarr.json")
    (store_path / "index/dead").symlink_to(store_path / "nothing")
    problems = "\n".join(verify(store_path))
    assert f"{store_path}/parts/more/c is an empty folder" in problems
    assert f"{store_path}/index/copy is a link" in problems
    assert f"{store_path}/index/dead is a link" in problems
    shutil.rmtree(store_path / "parts/more")
    for name in ("copy", "dead"):
        (store_path / "index" / name).unlink()
    assert "one was added or changed" in verify(store_path)[0]


def test_a_store_of_links_as_dvc_makes_them_is_sound(store_path: Path, tmp_path: Path) -> None:
    for number, file in enumerate(f for f in sorted(store_path.rglob("*")) if f.is_file()):
        file.replace(tmp_path / str(number))
        file.symlink_to(tmp_path / str(number))
    assert verify(store_path) == []


def test_what_is_not_a_store_is_named(tmp_path: Path) -> None:
    assert "zarr.json is damaged" in verify(tmp_path)[0]


def test_the_reader_refuses_a_damaged_chunk(store_path: Path) -> None:
    chunk = store_path / "parts/00abc/c/0/0/0"
    raw = bytearray(chunk.read_bytes())
    raw[0] ^= 1
    chunk.unlink()
    chunk.write_bytes(raw)
    with pytest.raises(ProjectError, match="does not match its checksum"):
        Store(store_path).track(0)
