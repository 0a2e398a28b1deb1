"""No file of features runs or exhausts anything; each is refused by name or comes in right."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from extract.media.child import Child
from extract.media.files.foreign import read_decoded
from features.errors import ProjectError
from tests.hostile_features import IMPORTED, REFUSED, ROW

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def child() -> Iterator[Child]:
    """One process for all: it must survive every one of them, or be replaced."""
    with Child(60) as process:
        yield process


@pytest.fixture(autouse=True)
def _own_pool(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PERMAFROST_PARTS", str(tmp_path / "parts"))


def test_there_are_many() -> None:
    assert len(REFUSED) + len(IMPORTED) >= 120


@pytest.mark.parametrize("name", REFUSED)
def test_it_is_refused_by_name(name: str, tmp_path: Path, child: Child) -> None:
    make, message = REFUSED[name]
    folder = tmp_path / "in"
    folder.mkdir()
    path = make(folder)
    with pytest.raises(ProjectError, match=message) as caught:
        read_decoded(path, "auto", child=child)
    assert path.name in str(caught.value) and len(str(caught.value)) < 600
    assert not (folder / "canary").exists()
    left = [file for file in (tmp_path / "parts").rglob("*") if file.is_file()]
    assert [file for file in left if not file.name.endswith(".lock")] == []


@pytest.mark.parametrize("name", IMPORTED)
def test_it_comes_in_right(name: str, tmp_path: Path, child: Child) -> None:
    make, ids = IMPORTED[name]
    folder = tmp_path / "in"
    folder.mkdir()
    content, _ = read_decoded(make(folder), "auto", child=child)
    assert content.ids == ids
    assert np.array_equal(content.tracks("track").track(len(ids) - 1)[0], ROW)
    assert not (folder / "canary").exists()
