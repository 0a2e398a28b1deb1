"""Whole commands on a pretended GPU: device choice, loading, planning, extraction, training."""

import shutil
from pathlib import Path

import pytest
from click.testing import CliRunner

from cli import cli
from features.store.pool import Pool
from features.store.reader import Store
from features.store.verify import verify
from tests.conftest import ROOT
from tests.pretended_gpu import pretended_gpu


@pytest.fixture
def here(demo_root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project with the demo corpus and its manifest, in which commands run."""
    shutil.copy(ROOT / "tests" / "small_params.yaml", tmp_path / "params.yaml")
    shutil.copytree(demo_root, tmp_path / "data/raw/mine")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    run("manifest", "mine")
    return tmp_path


def run(*command: str) -> str:
    """A command of the project; what it printed."""
    done = CliRunner().invoke(cli, list(command), catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return done.output


def test_parts_of_a_cpu_are_never_served_to_a_gpu(here: Path) -> None:
    on_cpu = run("extract", "mine-mel", "--device", "cpu")
    recipe = Store(here / "features/cache/mine/mel.zarr").attributes["recipe"]
    assert "device: cpu" in run("stores", "show", "mine/mel")
    num_parts = on_cpu.split(" parts")[0].rsplit(" ", 1)[1]
    with pretended_gpu():
        again = run("extract", "mine-mel", "--device", "auto")
        output = run("stores", "show", "mine/mel")
    store = Store(here / "features/cache/mine/mel.zarr")
    assert f"({num_parts} made now)" in again
    assert store.attributes["made_on"] == {"device": "cuda", "compute": "float32"}
    assert store.attributes["recipe"] != recipe and verify(store.path) == []
    assert "device: cuda" in output and "device a GPU that is not there" in output
    # What the CPU had made is still there, and is published again at once.
    assert "(0 made now)" in run("extract", "mine-mel", "--device", "cpu")
    assert Store(store.path).attributes["recipe"] == recipe
    assert len(list(Pool.default().folder.glob("*/*.json"))) == 2 * int(num_parts)


def test_number_formats_are_never_mixed(here: Path) -> None:
    text = (here / "params.yaml").read_text()
    try:
        with pretended_gpu(2):
            run("extract", "mine-mel", "--device", "cuda:1")
            float32 = Store(here / "features/cache/mine/mel.zarr").attributes
            (here / "params.yaml").write_text(
                text.replace("extract: {", "extract: {compute: tf32, ")
            )
            assert "(0 made now)" not in run("extract", "mine-mel", "--device", "cuda")
            output = run("stores", "show", "mine/mel")
    finally:
        (here / "params.yaml").write_text(text)
    tf32 = Store(here / "features/cache/mine/mel.zarr").attributes
    assert tf32["made_on"]["compute"] == "tf32" and tf32["recipe"] != float32["recipe"]
    stated = "compute: tf32; batch neighbours change a track by at most 1e-02 (relative)"
    assert stated in output


def test_a_text_network_is_loaded_planned_and_run(here: Path) -> None:
    with pretended_gpu():
        assert "32 tracks" in run("extract", "mine-minilm", "--device", "cuda")
    assert Store(here / "features/cache/mine/minilm.zarr").spans is not None
