"""Extraction that is killed at any moment goes on where it stopped and ends with equal bytes."""

import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.conftest import ROOT
from tests.project import Project

pytestmark = pytest.mark.slow


def prepared(folder: Path, demo_root: Path) -> Project:
    project = Project(folder)
    text = (ROOT / "tests" / "small_params.yaml").read_text()
    (project.folder / "params.yaml").write_text(text.replace("part_bytes: 60000", "part_bytes: 1"))
    shutil.copytree(demo_root, project.folder / "data/raw/mine")
    assert project.cli("manifest", "mine").returncode == 0
    return project


def tree(store: Path) -> dict[str, bytes]:
    return {
        p.relative_to(store).as_posix(): p.read_bytes() for p in store.rglob("*") if p.is_file()
    }


def test_a_killed_extraction_resumes_and_ends_byte_identical(
    tmp_path: Path, demo_root: Path
) -> None:
    calm = prepared(tmp_path / "calm", demo_root)
    assert calm.cli("extract", "mine-mel").returncode == 0
    wild = prepared(tmp_path / "wild", demo_root)
    store = wild.folder / "features/cache/mine/mel.zarr"
    pool = wild.folder / "features/cache/.parts"
    killed = 0
    for num_parts in (0, 1, 1, 2, 3):
        child = subprocess.Popen(
            [sys.executable, "cli.py", "extract", "mine-mel"],
            cwd=wild.folder,
            env=wild.environment,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        while child.poll() is None and len(list(pool.glob("*/*.json"))) < num_parts:
            time.sleep(0.001)
        killed += child.poll() is None
        child.send_signal(signal.SIGKILL)
        child.wait()
        assert not store.exists() or wild.cli("stores", "verify", "mine/mel").returncode == 0
    assert killed >= 2
    done = wild.cli("extract", "mine-mel")
    assert done.returncode == 0 and "(4 made now)" not in done.stdout
    assert tree(store) == tree(calm.folder / "features/cache/mine/mel.zarr")
    assert not list((wild.folder / "features/cache").rglob("*.tmp"))
