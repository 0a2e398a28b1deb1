"""Extraction that is killed at any moment goes on where it stopped and ends with equal bytes."""

import random
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

KILLS = 12
STARTUP_S = 2.0
SPREAD_S = 1.5


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


def test_kills_at_random_moments_leave_no_false_store(tmp_path: Path, demo_root: Path) -> None:
    calm = prepared(tmp_path / "calm", demo_root)
    assert calm.cli("extract", "mine-mel").returncode == 0
    wild = prepared(tmp_path / "wild", demo_root)
    store = wild.folder / "features/cache/mine/mel.zarr"
    dice, killed = random.Random(0), 0
    for _ in range(KILLS):
        child = subprocess.Popen(
            [sys.executable, "cli.py", "extract", "mine-mel"],
            cwd=wild.folder,
            env=wild.environment,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        time.sleep(STARTUP_S + dice.uniform(0, SPREAD_S))
        killed += child.poll() is None
        child.send_signal(signal.SIGKILL)
        child.wait()
        if store.exists():
            assert wild.cli("stores", "verify", "mine/mel").returncode == 0
            shutil.rmtree(store)
            shutil.rmtree(wild.folder / "features/cache/.parts")
    assert killed > 0
    assert wild.cli("extract", "mine-mel").returncode == 0
    assert tree(store) == tree(calm.folder / "features/cache/mine/mel.zarr")
    assert not list((wild.folder / "features/cache").rglob("*.tmp"))
