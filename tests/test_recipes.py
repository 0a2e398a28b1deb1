"""Recipes that run offline, shrunk, through the whole pipeline."""

import re
from pathlib import Path

import pytest

from features.store.reader import Store
from tests.project import Project

pytestmark = pytest.mark.slow


def test_demo_videollama_runs_all_branches_and_decodes_once(tmp_path: Path) -> None:
    project = Project(tmp_path)
    assert project.run("git", "init", "--quiet").returncode == 0
    assert project.cli("use", "demo-videollama").returncode == 0
    params = project.folder / "params.yaml"
    text = params.read_text().replace("num_dialogues: 60", "num_dialogues: 6")
    text = text[: text.index("  video:\n    corpus")]  # two heads of four
    params.write_text(re.sub(r"seeds: \[0, 1, 2\], epochs: 30", "seeds: [0], epochs: 2", text))
    done = project.run("dvc", "repro")
    assert done.returncode == 0, done.stdout + done.stderr
    made = dict(
        re.findall(r"^(demo-[a-z-]+): 48 tracks in \d+ parts \((\d+) made", done.stdout, re.M)
    )
    assert set(made) == {
        "demo-videollama-video", "demo-videollama-text", "demo-videollama-joint", "demo-omni-audio",
    }  # fmt: skip
    # The videos were decoded for the first of the two; the other's parts were made in that pass.
    videos = {int(made["demo-videollama-video"]), int(made["demo-videollama-joint"])}
    assert min(videos) == 0 < max(videos)
    store = Store(project.folder / "features/cache/demo/videollama-joint.zarr")
    num_steps = store.facts["num_video_steps"]
    assert (num_steps > 0).all() and (num_steps < store.lengths).all() and store.spans is not None
    page = (project.folder / "report.html").read_text()
    assert "random weights" in page and "videollama-joint" in page
