"""Stores that are filled on a Ray cluster of this machine."""

import os
import shutil
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from importlib.util import find_spec
from pathlib import Path

import psutil
import pytest
import torch
from click.testing import CliRunner

from app.devices import chosen_device
from app.training import in_waves
from cli import cli
from extract.fill.cluster import Job, fill_on_ray
from features.cluster import RETRIES, Cluster, shared_out
from features.errors import ProjectError
from features.params.load import load_params
from features.specs.tracks import BackboneSpec, ExtractSpec, LeafSpec
from tests.conftest import ROOT
from tests.fill_world import MEL, World

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(find_spec("ray") is None, reason="Ray is in requirements-extra.txt"),
]
PARTS = ExtractSpec(part_bytes=1, threads=1)
NETWORK = BackboneSpec("w2v", "audio", LeafSpec("wav2vec2", {"checkpoint": "random"}))


def job(world: World) -> Job:
    choose = partial(chosen_device, "cpu")
    pool = world.pool.folder.absolute()
    return Job(
        world.path, world.manifest, world.corpus, world.backbone, PARTS, choose, pool, Path.cwd()
    )


@contextmanager
def one_worker_killed(pool: Path) -> Iterator[list[int]]:
    """Kill a worker as soon as there is a part, in the middle of the next one."""
    killed: list[int] = []
    over = threading.Event()

    def kill() -> None:
        while not over.is_set() and not list(pool.glob("*/*.json")):
            time.sleep(0.01)
        for process in psutil.process_iter():
            if not killed and "ray::Filler.make" in " ".join(process.cmdline()):
                process.send_signal(signal.SIGKILL)
                killed.append(process.pid)

    thread = threading.Thread(target=kill)
    thread.start()
    try:
        yield killed
    finally:
        over.set()
        thread.join()


def test_two_workers_one_of_them_killed_leave_the_bytes_of_one_run(
    own_demo: Path, tmp_path: Path
) -> None:
    world = World(tmp_path, own_demo, NETWORK)
    world.manifest = world.manifest[:20]
    torch.set_num_threads(1)
    world.extract(PARTS)
    expected = world.tree()
    shutil.rmtree(world.pool.folder)
    shutil.rmtree(world.path)
    with one_worker_killed(world.pool.folder) as killed:
        result = fill_on_ray(job(world), Cluster(workers=2))
    assert killed and result.num_made == result.num_parts == 3
    assert world.tree() == expected


def test_what_a_worker_refuses_is_one_message(own_demo: Path, tmp_path: Path) -> None:
    world = World(tmp_path, own_demo, MEL)
    file = own_demo / str(world.manifest[5].audio)
    file.write_bytes(file.read_bytes()[:-9])
    with pytest.raises(ProjectError, match=r"has changed since the manifest was made; run 'dvc"):
        fill_on_ray(job(world), Cluster(workers=1))
    assert not world.path.exists()


class Crashing:
    """A worker that ends in the middle of every task."""

    def work(self) -> None:
        os._exit(1)


def test_workers_that_are_lost_again_and_again_are_one_message() -> None:
    cluster = Cluster(workers=1)
    with (
        pytest.raises(ProjectError, match=r"workers were lost 4 times .* with fewer workers"),
        cluster.connected(1) as ray,
    ):
        crashing = ray.remote(max_restarts=RETRIES, max_task_retries=RETRIES)(Crashing)
        calls = {"task": lambda worker: worker.work.remote()}
        list(shared_out(ray, [crashing.remote()], calls))


def test_a_cluster_that_is_not_there_is_named_at_once() -> None:
    missing = Cluster(address="127.0.0.1:9")
    with (
        pytest.raises(ProjectError, match=r"no Ray cluster can be reached at 127\.0\.0\.1:9"),
        missing.connected(1),
    ):
        pass


@pytest.fixture
def project(own_demo: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project whose tracks are cached, in which commands run."""
    shutil.copy(ROOT / "tests" / "small_params.yaml", tmp_path / "params.yaml")
    shutil.copytree(own_demo, tmp_path / "data/raw/mine")
    monkeypatch.chdir(tmp_path)
    run("manifest", "mine")
    for track in ("mine-mel", "mine-minilm"):
        run("extract", track, "--device", "cpu")
    return tmp_path


def run(*command: str) -> str:
    done = CliRunner().invoke(cli, list(command), catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return done.stdout


def test_all_stale_heads_are_trained_to_the_bytes_of_one_process(project: Path) -> None:
    names = list(load_params().heads)
    torch.set_num_threads(1)
    run("train", "all")
    expected = {name: (project / f"runs/{name}/metrics.json").read_bytes() for name in names}
    assert run("train", "all") == "the runs of all heads are up to date\n"
    shutil.rmtree(project / "runs/main")  # and `tuned`, which starts from it, is kept
    assert "main: test emotion" in run("train", "all", "--engine", "ray", "--workers", "2")
    for name, metrics in expected.items():
        assert (project / f"runs/{name}/metrics.json").read_bytes() == metrics
    assert not (project / "runs/.partial/main").exists()


def test_heads_are_trained_after_those_that_they_start_from(project: Path) -> None:
    waves = [[head.name for head in wave] for wave in in_waves(list(load_params().heads.values()))]
    assert waves == [["main", "audio"], ["tuned", "small"]]
