"""The demo corpus in full: fusion beats single modalities, shuffled labels do not beat chance."""

import json
import re
import shlex
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from features.manifest import read_labels
from features.params.load import load_params
from features.specs.heads import HeadSpec
from features.store.reader import Store
from tests.conftest import ROOT
from tests.project import Project
from train.runs.run_head import run_head

pytestmark = pytest.mark.slow
HEADS = ("main", "text", "audio", "video")


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Project:
    project = Project(tmp_path_factory.mktemp("demo"))
    # One seed of each head: its figures are far above the margins asked for below.
    params = (project.folder / "params.yaml").read_text(encoding="utf-8")
    assert params.count("seeds: [0, 1, 2]") == len(HEADS)
    params = params.replace("seeds: [0, 1, 2]", "seeds: [0]").replace("threads: 2", "threads: 1")
    (project.folder / "params.yaml").write_text(params, encoding="utf-8")
    assert project.run("git", "init", "--quiet").returncode == 0
    done = project.run("dvc", "repro")
    assert done.returncode == 0, done.stdout + done.stderr
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
        twice = replace(spec, training=replace(spec.training, seeds=[0, 1]))
        metrics = run_head(twice, shuffled, stores, tmp_path / name)
        for metric in ("accuracy", "unweighted_accuracy"):
            score = metrics["test"]["emotion"][metric]["mean"]
            chance = metrics["majority"]["emotion"][metric]
            standard_error = (chance * (1 - chance) / num_test) ** 0.5
            assert score <= chance + 2 * standard_error, (name, metric)


def blocks_of(page: str, language: str) -> list[str]:
    """The code of a page in a language."""
    text = (ROOT / page).read_text(encoding="utf-8")
    return re.findall(rf"^```{language}\n(.*?)^```", text, re.M | re.S)


def test_the_commands_of_the_page_on_predictions_run(demo: Project) -> None:
    commands = [
        line
        for block in blocks_of("docs/predict.md", "sh")
        for line in block.splitlines()
        if not re.search(r"permafrost serve|^curl", line)  # tests/test_serve.py asks a server
    ]
    assert len(commands) >= 8
    for command in commands:
        program, *words = shlex.split(command)
        assert program == "permafrost"
        done = demo.cli(*words)
        assert done.returncode == 0, (command, done.stderr)
    assert (demo.folder / "timeline.TextGrid").exists()


@pytest.mark.parametrize("page", ["README.md", "docs/predict.md"])
def test_the_python_of_a_page_runs(page: str, demo: Project) -> None:
    (code,) = blocks_of(page, "python")
    assert demo.run(sys.executable, "-c", code).returncode == 0


def test_the_example_of_the_python_module_gives_what_it_says(demo: Project) -> None:
    code = "import doctest, permafrost; print(doctest.testmod(permafrost).failed)"
    assert demo.run(sys.executable, "-c", code).stdout == "0\n"
