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


def kind_of(file: Path) -> str:
    """What a file of a store is: metadata of a part, a chunk of the index, ..."""
    place = file.parts[0] if len(file.parts) > 1 else "root"
    return f"{place} {'chunk' if 'c' in file.parts else 'metadata'}"


def contents(path: Path) -> list[object]:
    """All that a training takes from a store, as plain values."""
    store = Store(path)
    tracks = [
        store.track(row).tobytes() if store.lengths[row] else b"" for row in range(len(store))
    ]
    spans = None if store.spans is None else store.spans.tolist()
    return [list(store.ids), store.reasons, store.lengths.tolist(), store.attributes, tracks, spans]


@pytest.mark.slow
@pytest.mark.parametrize("num_flips", [40, pytest.param(200, marks=pytest.mark.long)])
@pytest.mark.parametrize(
    "kind",
    ["root metadata", "parts metadata", "parts chunk", "index metadata", "index chunk"],
)
def test_a_flipped_bit_is_found_and_not_trained_on(
    kind: str, num_flips: int, store_path: Path
) -> None:
    random, whole = np.random.default_rng(0), contents(store_path)
    files = [file for file in sorted(store_path.rglob("*")) if file.is_file()]
    files = [file for file in files if kind_of(file.relative_to(store_path)) == kind]
    for number in range(num_flips):
        file = files[number % len(files)]
        raw = file.read_bytes()
        flipped, bit = bytearray(raw), int(random.integers(len(raw) * 8))
        flipped[bit // 8] ^= 1 << bit % 8
        file.unlink()  # it may be linked to the pool
        file.write_bytes(flipped)
        assert verify(store_path) != [], (file, bit)
        try:
            assert contents(store_path) == whole, (file, bit)
        except ProjectError as error:
            assert str(store_path) in str(error)
        file.write_bytes(raw)
    assert verify(store_path) == []


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
