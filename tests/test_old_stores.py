"""Stores that earlier versions of this project, or other versions of zarr-python, have written.

`stores/schema-1.zarr` has metadata of our own making; `stores/schema-2.zarr` was written by
zarr-python 3.1.6, and 3.4.2 writes the same bytes.
"""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import zarr

from features.errors import ProjectError
from features.store.pool import Pool
from features.store.publish import publish
from features.store.reader import Store, store_attributes
from features.store.verify import verify
from tests.test_store import LENGTHS, add_part, header, tree

STORES = Path(__file__).parent / "stores"


@pytest.fixture(params=["schema-1", "schema-2"])
def old(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    return Path(shutil.copytree(STORES / f"{request.param}.zarr", tmp_path / "demo" / "old.zarr"))


def published(path: Path, pool: Pool) -> Path:
    parts = [add_part(pool, number, lengths) for number, lengths in enumerate(LENGTHS)]
    publish(path, header(), parts, pool)
    return path


def test_they_are_read_as_they_were(old: Path, tmp_path: Path) -> None:
    store, now = Store(old), Store(published(tmp_path / "now.zarr", Pool(tmp_path / "pool")))
    assert verify(old) == [] and store.ids == now.ids and store.reasons == now.reasons
    assert store.spans is not None and now.spans is not None
    assert np.array_equal(store.spans, now.spans)
    for row in range(len(store)):
        assert np.array_equal(store.track(row), now.track(row))


def test_publishing_the_same_tracks_leaves_them_alone(old: Path, tmp_path: Path) -> None:
    before, inode = tree(old), old.stat().st_ino
    published(old, Pool(tmp_path / "pool"))
    assert tree(old) == before and old.stat().st_ino == inode


def test_a_damaged_one_is_published_again(old: Path, tmp_path: Path) -> None:
    chunk = old / "parts/00abc/c/0/0/0"
    chunk.write_bytes(bytes(chunk.stat().st_size))
    published(old, Pool(tmp_path / "pool"))
    assert verify(old) == [] and store_attributes(old)["schema"] == 2


@pytest.mark.slow
def test_a_flipped_bit_is_found(old: Path) -> None:
    random = np.random.default_rng(1)
    silent = []
    for file in sorted(file for file in old.rglob("*") if file.is_file()) * 4:
        whole = file.read_bytes()
        raw, bit = bytearray(whole), int(random.integers(len(whole) * 8))
        raw[bit // 8] ^= 1 << bit % 8
        file.write_bytes(raw)
        if not verify(old):
            silent.append((file.relative_to(old), bit))
        file.write_bytes(whole)
    assert silent == []


def test_the_digest_is_that_of_the_values_however_zarr_writes_its_metadata(tmp_path: Path) -> None:
    stored = store_attributes(STORES / "schema-2.zarr")
    with zarr.config.set({"json_indent": 5}):
        path = published(tmp_path / "indented.zarr", Pool(tmp_path / "pool"))
    attributes = store_attributes(path)
    assert (path / "zarr.json").read_text().startswith('{\n     "')
    assert verify(path) == [] and attributes["digest"] == stored["digest"]
    assert attributes["metadata"] != stored["metadata"]
    inode = path.stat().st_ino
    published(path, Pool(tmp_path / "pool"))
    assert path.stat().st_ino == inode


def test_a_store_without_a_seal_is_made_again(old: Path) -> None:
    root = json.loads((old / "zarr.json").read_text())
    del root["attributes"]["seal"]
    (old / "zarr.json").write_text(json.dumps(root))
    with pytest.raises(ProjectError, match=r"another version of Permafrost .*run 'dvc repro'"):
        Store(old)
