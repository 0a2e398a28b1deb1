"""Crashes of every kind, at every point: nothing torn is seen, and what is done again is equal.

A short form is part of `make test`; `pytest -m long tests/test_crashes.py` is the long one. The
last lines that pytest prints count what was tried.
"""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from tests.crash_scenes import Scene, copy_of, scenes, tree
from tests.faults import fault_at, files_of_at_most
from tests.power_cuts import recorded

NAMES = ("store", "run", "checkpoint", "manifest", "extraction")
SHORT_CUTS = {"store": 20, "run": 20, "checkpoint": 20, "manifest": 20, "extraction": 4}
LONG_CUTS = {"store": 700, "run": 450, "checkpoint": 250, "manifest": 250, "extraction": 400}
SHORT_FAULTS = {"store": 12, "run": 8, "checkpoint": 4, "manifest": 4, "extraction": 3}
Count = Callable[[str, object], None]
forms = pytest.mark.parametrize("long", [False, pytest.param(True, marks=pytest.mark.long)])
pytestmark = pytest.mark.slow


class World:
    """A folder in which a scene was prepared, and what is visible before and after its write."""

    def __init__(self, scene: Scene, folder: Path) -> None:
        self.scene, self.folder = scene, folder
        self.prepared, self.whole = folder / "prepared", folder / "whole"
        self.prepared.mkdir()
        scene.before(self.prepared)
        self.before = scene.visible(self.prepared)
        copy_of(self.prepared, self.whole)
        scene.write(self.whole)
        self.after = scene.visible(self.whole)
        assert self.before and self.after and self.before != self.after

    def check(self, root: Path) -> None:
        """After a crash: nothing torn is visible, and the write done again ends as it should."""
        seen = self.scene.visible(root)
        assert not seen or seen in (self.before, self.after), "something torn is visible"
        self.scene.write(root)
        assert self.scene.visible(root) == self.after
        drafts = [name for name in tree(root) if ".tmp" in name]
        assert drafts == [], "what the crash left behind is not swept"


@pytest.fixture
def world(name: str, demo_root: Path, tmp_path: Path) -> World:
    return World(scenes(demo_root)[name], tmp_path)


@forms
@pytest.mark.parametrize("name", NAMES)
def test_power_cuts(
    name: str, long: bool, world: World, monkeypatch: pytest.MonkeyPatch, record_property: Count
) -> None:
    recorded_root = copy_of(world.prepared, world.folder / "recorded")
    with recorded(recorded_root, monkeypatch) as recording:
        world.scene.write(recorded_root)
    random = np.random.default_rng(1)
    states = set()
    for number in range((LONG_CUTS if long else SHORT_CUTS)[name]):
        copy = world.folder / f"cut-{number}"
        recording.cut(random, copy)
        states.add(str(world.scene.visible(copy)))
        world.check(copy)
        record_property("power cuts", 1)
    assert len(states) > 1, "the cuts do not reach both sides of the step"
    for number in range(5):
        copy = world.folder / f"end-{number}"
        recording.cut(random, copy, at_the_end=True)
        assert world.scene.visible(copy) == world.after, "what was finished is not on disk"


@forms
@pytest.mark.parametrize("lasting", [False, True], ids=["one fails", "all fail from one on"])
@pytest.mark.parametrize("name", NAMES)
def test_faults(
    name: str,
    lasting: bool,
    long: bool,
    world: World,
    monkeypatch: pytest.MonkeyPatch,
    record_property: Count,
) -> None:
    with fault_at(copy_of(world.prepared, world.folder / "dry"), 0, False, monkeypatch) as faults:
        world.scene.write(world.folder / "dry")
    points = np.arange(1, faults.count + 1)
    if not long:
        points = points[:: -(-len(points) // SHORT_FAULTS[name])]
    for point in points.tolist():
        copy = copy_of(world.prepared, world.folder / f"fault-{point}")
        with fault_at(copy, point, lasting, monkeypatch) as faults:
            try:
                world.scene.write(copy)
            except OSError as error:
                assert "fault" in str(error)
        assert faults.count >= point
        world.check(copy)
        record_property("fault points", 1)


@forms
@pytest.mark.parametrize("name", NAMES)
def test_disks_on_which_no_more_fits(
    name: str, long: bool, world: World, record_property: Count
) -> None:
    sizes = sorted({len(content) for content in tree(world.whole).values()})
    for number, size in enumerate(sizes if long else sizes[1 :: len(sizes) // 3 + 1]):
        copy = copy_of(world.prepared, world.folder / f"full-{number}")
        try:
            with files_of_at_most(max(size - 1, 0)):
                world.scene.write(copy)
        except OSError as error:
            assert "too large" in str(error)
        world.check(copy)
        record_property("full disks", 1)
