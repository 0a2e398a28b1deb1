"""The demo corpus in full: fusion beats single modalities, shuffled labels do not beat chance.

It is also where the commands, the Python and the notebook of the documentation are run.
"""

import csv
import json
import re
import shutil
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from features.manifest import read_labels
from features.params.load import load_params
from features.specs.heads import HeadSpec
from features.store.reader import Store
from tests import pages
from tests.conftest import ROOT
from tests.project import Project
from train.runs.run_head import run_head

pytestmark = pytest.mark.slow
HEADS = ("main", "text", "audio", "video")


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Project:
    project = Project(tmp_path_factory.mktemp("demo"))
    # One seed and half of the epochs: figures are still above the margins asked for below.
    params = (project.folder / "params.yaml").read_text(encoding="utf-8")
    assert params.count("seeds: [0, 1, 2], epochs: 25") == len(HEADS)
    params = params.replace("seeds: [0, 1, 2], epochs: 25", "seeds: [0], epochs: 12")
    params = params.replace("threads: 2", "threads: 1")
    (project.folder / "params.yaml").write_text(params, encoding="utf-8")
    shutil.copy(ROOT / ".gitignore", project.folder)
    project.environment["HOME"] = str(project.folder / "home")
    for command in (
        "init --quiet", "config user.name A", "config user.email a@b", "add --all",
        "commit --quiet -m start", "tag start",
    ):  # fmt: skip
        assert project.run("git", *command.split()).returncode == 0
    done = project.run("dvc", "repro")
    assert done.returncode == 0, done.stdout + done.stderr
    shutil.copy(project.folder / "dvc.lock", project.folder / "dvc.lock.start")
    return project


def test_fusion_beats_the_best_single_modality_by_five_points_of_macro_f1(demo: Project) -> None:
    def macro_f1(head: str) -> float:
        metrics = json.loads((demo.folder / "runs" / head / "metrics.json").read_text())
        return float(metrics["test"]["emotion"]["macro_f1"]["mean"])

    single = max(macro_f1(head) for head in HEADS[1:])
    assert macro_f1("main") >= single + 0.05


def test_the_second_repro_does_nothing(demo: Project) -> None:
    done = demo.run("dvc", "repro")
    assert "Running stage" not in done.stdout
    assert "Data and pipelines are up to date." in done.stdout


def test_with_shuffled_labels_no_head_beats_the_majority_baseline(
    demo: Project, tmp_path: Path
) -> None:
    labels = read_labels(demo.folder / "data/demo/labels.jsonl")
    order = np.random.default_rng(0).permutation(len(labels))
    shuffled = [
        replace(label, emotion=labels[row].emotion)
        for label, row in zip(labels, order, strict=True)
    ]
    num_test = sum(label.split == "test" for label in labels)
    for name, spec in load_params(demo.folder / "params.yaml").heads.items():
        assert isinstance(spec, HeadSpec)
        stores = {
            modality: Store(demo.folder / "features/cache/demo" / f"{backbone}.zarr")
            for modality, backbone in spec.used_inputs.items()
        }
        twice = replace(spec, training=replace(spec.training, seeds=[0, 1], epochs=8))
        metrics = run_head(twice, shuffled, stores, tmp_path / name)
        for metric in ("accuracy", "unweighted_accuracy"):
            score = metrics["test"]["emotion"][metric]["mean"]
            chance = metrics["majority"]["emotion"][metric]
            standard_error = (chance * (1 - chance) / num_test) ** 0.5
            assert score <= chance + 2 * standard_error, (name, metric)


SETTINGS = "params.yaml"
# `permafrost` is installed from the checkout; here it is the copy's own cli.py.
PRELUDE = 'set -e; permafrost() { python cli.py "$@"; }\n'


@pytest.fixture
def fresh(demo: Project) -> Project:
    """The demo as it was run, with nothing committed since, whatever a page did to it before."""
    assert demo.run("git", "reset", "--quiet", "--hard", "start").returncode == 0
    shutil.copy(demo.folder / "dvc.lock.start", demo.folder / "dvc.lock")
    done = demo.run("dvc", "checkout", "--quiet", "--force")
    assert done.returncode == 0, done.stderr
    return demo


def test_the_notebook_runs_and_shows_what_it_computes(fresh: Project) -> None:
    notebook = fresh.folder / "docs/notebooks/first-hour.ipynb"
    notebook.parent.mkdir(parents=True, exist_ok=True)
    shutil.copy(ROOT / "docs/notebooks/first-hour.ipynb", notebook)
    saved = json.loads(notebook.read_text(encoding="utf-8"))
    assert all(cell["outputs"] for cell in saved["cells"][3:] if cell["cell_type"] == "code")
    done = fresh.run("jupyter", "execute", "--inplace", str(notebook))
    assert done.returncode == 0, done.stderr
    cells = json.loads(notebook.read_text(encoding="utf-8"))["cells"]
    printed = str([cell["outputs"] for cell in cells if cell["cell_type"] == "code"])
    assert "480 tracks; layers [3, 6] of width 384" in printed and "macro F1 on test" in printed


def test_a_corpus_of_ones_own_prints_what_the_page_shows(demo: Project, tmp_path: Path) -> None:
    project = Project(tmp_path)
    assert project.run("git", "init", "--quiet").returncode == 0
    folder = project.folder / "data/raw/interviews"
    shutil.copytree(demo.folder / "data/synthetic/demo/audio", folder / "clips")
    words = {"joy": "happy", "anger": "angry", "sadness": "sad"}
    with (demo.folder / "data/synthetic/demo/utterances.csv").open(encoding="utf-8") as file:
        rows = [row for row in csv.DictReader(file) if row["emotion"] in words]
    with (folder / "clips.csv").open("w", encoding="utf-8", newline="") as file:
        table = csv.writer(file)
        table.writerow(["File", "Person", "What is said", "Feeling"])
        for row in rows:
            name = Path(row["audio"]).name
            feeling = words[row["emotion"]]
            table.writerow([f"clips/{name}", row["speaker"], row["text"], feeling])
    page = (ROOT / "docs/how-to/own-corpus.md").read_text(encoding="utf-8")
    settings, columns = re.findall(r"```yaml\n(.*?)```", page, re.S)[:2]
    printed = re.findall(r"^```text\n(interviews: .*?)```", page, re.S | re.M)
    (project.folder / SETTINGS).write_text(settings, encoding="utf-8")
    assert project.cli("manifest", "interviews").stdout == printed[0]
    project.edit(SETTINGS, "    file: clips.csv\n", f"    file: clips.csv\n{columns}")
    assert project.cli("manifest", "interviews").stdout == printed[1]
    assert project.run("dvc", "repro").returncode == 0
    assert "majority baseline, interviews" in project.cli("results").stdout


def test_the_example_of_the_python_module_gives_what_it_says(fresh: Project) -> None:
    code = "import doctest, permafrost; print(doctest.testmod(permafrost).failed)"
    assert fresh.run(sys.executable, "-c", code).stdout == "0\n"


# Last, for the last of the pages deletes what DVC's cache has of the others.
@pytest.mark.parametrize("page", pages.RUN)
def test_what_a_page_shows_runs(page: str, fresh: Project) -> None:
    """Its commands in one shell, then its Python: each block that does not say why not."""
    done = fresh.run("bash", "-c", PRELUDE + pages.commands(page))
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    for block in pages.ALL:
        if block.page == page and block.language == "python" and block.stands_alone:
            done = fresh.run(sys.executable, "-c", block.code)
            assert done.returncode == 0, done.stderr
