"""Stores that are read from a server of this machine."""

import shutil
import threading
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest

from features.errors import ProjectError
from features.store import remote
from features.store.reader import Store
from tests.test_old_stores import STORES

LOCAL = STORES / "schema-2.zarr"
REQUESTS: list[str] = []


class Handler(SimpleHTTPRequestHandler):
    """Notes what is asked for."""

    def do_GET(self) -> None:
        REQUESTS.append(self.path)
        super().do_GET()

    def log_message(self, *_: object) -> None:
        """Print nothing."""


@pytest.fixture
def address(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """Where the stores are served from."""
    monkeypatch.setenv(remote.FOLDER_VARIABLE, str(tmp_path / "kept"))
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Handler, directory=str(STORES)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    REQUESTS.clear()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


def chunks_asked_for() -> list[str]:
    return [path.split("/")[3] for path in REQUESTS if path.endswith("/c/0/0/0")]


def read_all(store: Store) -> list[np.ndarray]:
    return [np.array(store.track(row)) for row in range(len(store))]


def test_tracks_are_those_of_the_folder_and_every_chunk_is_fetched_once(address: str) -> None:
    local = Store(LOCAL)
    for _ in range(2):
        store = Store(f"{address}/schema-2.zarr")
        assert store.ids == local.ids and store.reasons == local.reasons
        for ours, theirs in zip(read_all(store), read_all(local), strict=True):
            assert np.array_equal(ours, theirs)
        assert np.array_equal(store.read([7, 0, 3]), local.read([7, 0, 3]))
    assert sorted(chunks_asked_for()) == ["00abc", "01abc", "03abc"]


def test_what_is_kept_is_bounded(
    address: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = Store(f"{address}/schema-2.zarr")
    assert store._remote is not None
    store._remote.limit_bytes = 170
    expected = read_all(Store(LOCAL))
    for ours, theirs in zip(read_all(store), expected, strict=True):
        assert np.array_equal(ours, theirs)
    kept = list((tmp_path / "kept").glob("*.chunk"))
    assert 0 < sum(file.stat().st_size for file in kept) <= 170


def test_a_kept_chunk_that_was_damaged_is_fetched_again(address: str, tmp_path: Path) -> None:
    read_all(Store(f"{address}/schema-2.zarr"))
    for file in (tmp_path / "kept").glob("*.chunk"):
        file.write_bytes(b"x" * file.stat().st_size)
    again = read_all(Store(f"{address}/schema-2.zarr"))
    assert all(np.array_equal(a, b) for a, b in zip(again, read_all(Store(LOCAL)), strict=True))
    assert len(chunks_asked_for()) == 6


def test_a_chunk_that_is_gone_from_the_server_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(remote.FOLDER_VARIABLE, str(tmp_path / "kept"))
    shutil.copytree(LOCAL, tmp_path / "served.zarr")
    shutil.rmtree(tmp_path / "served.zarr/parts/03abc/c")
    store = Store(f"file://{tmp_path}/served.zarr")
    assert store.track(0).shape == (2, 3, 5)
    with pytest.raises(ProjectError, match=r"the part 03abc cannot be fetched .*; try again, or"):
        store.track(7)
    assert not list((tmp_path / "kept").glob("*03abc*"))


def test_what_is_not_there_is_named(address: str) -> None:
    with pytest.raises(ProjectError, match=r"none\.zarr cannot be opened as a store"):
        Store(f"{address}/none.zarr")
    with pytest.raises(ProjectError, match=r"nowhere://x needs another package|cannot be opened"):
        Store("nowhere://x")
