"""Transfers, ready-made features and folds from a file in the pipeline, with DVC itself."""

import csv
import re
import shutil
from pathlib import Path

import numpy as np
import pytest

from features.store.reader import Store
from tests.project import Project

pytestmark = pytest.mark.slow

PARAMS = """
extract: {}
synthetic: {}
corpora:
  mine:
    code: demo
    root: data/raw/mine
    folds: folds.csv
    features: {loudness: loud.csv}
  yours: {code: demo, root: data/raw/yours, features: {loudness: loud.csv}}
backbones:
  mine-loud: {code: imported, modality: audio, features: loudness, dim: 2, id_column: id}
tracks:
  mine-loud: {corpus: mine, backbone: mine-loud}
  yours-loud: {corpus: yours, backbone: mine-loud}
heads:
  main:
    code: probe
    corpus: mine
    inputs: {text: none, audio: mine-loud, video: none}
    protocol: {code: fold-column, column: half, dev_unit: dialogue, dev_share: 0.3}
    tasks: {vad: {}}
    choose_by: ccc
continued: {}
transfers:
  abroad:
    head: main
    corpus: yours
    inputs: {text: none, audio: mine-loud, video: none}
"""


class Pipeline(Project):
    """A project whose stages are recorded as they run."""

    def repro(self) -> set[str]:
        """Run `dvc repro`: the stages that ran."""
        done = self.run("dvc", "repro")
        assert done.returncode == 0, done.stdout + done.stderr
        return set(re.findall(r"Running stage '([^']+)'", done.stdout))


@pytest.fixture(scope="module")
def pipeline(tmp_path_factory: pytest.TempPathFactory, demo_root: Path) -> Pipeline:
    project = Pipeline(tmp_path_factory.mktemp("abroad"))
    (project.folder / "params.yaml").write_text(PARAMS)
    random = np.random.default_rng(0)
    for name in ("mine", "yours"):
        root = project.folder / "data/raw" / name
        shutil.copytree(demo_root, root)
        with (root / "utterances.csv").open() as file:
            rows = list(csv.DictReader(file))
        lines = [f"{r['id']},{random.normal():.3f},{r['valence']}" for r in rows]
        (root / "loud.csv").write_text("\n".join(["id,noise,valence", *lines]))
        lines = [f"{r['id']},{int(r['split'] == 'train')}" for r in rows]
        (root / "folds.csv").write_text("\n".join(["id,half", *lines]))
    assert project.run("git", "init", "--quiet").returncode == 0
    assert project.repro() == {
        "manifest@mine", "manifest@yours", "extract@mine-loud", "extract@yours-loud",
        "train@main", "transfer@abroad", "report",
    }  # fmt: skip
    return project


@pytest.fixture
def settled(pipeline: Pipeline) -> Pipeline:
    """The same pipeline, all of whose stages are up to date."""
    assert pipeline.repro() == set()
    return pipeline


def test_a_setting_of_the_head_runs_the_head_and_its_transfer(settled: Pipeline) -> None:
    settled.edit("params.yaml", "choose_by: ccc", "choose_by: mae")
    assert settled.repro() == {"train@main", "transfer@abroad", "report"}


def test_a_label_of_the_other_corpus_runs_the_transfer_alone(settled: Pipeline) -> None:
    table = "data/raw/yours/utterances.csv"
    row = (settled.folder / table).read_text().splitlines()[3]
    cells = row.rsplit(",", 5)  # ..., valence, arousal, dominance, cause, phq8
    settled.edit(table, row, ",".join([cells[0], "4.9", *cells[2:]]))
    assert settled.repro() == {"manifest@yours", "transfer@abroad", "report"}


def test_a_changed_table_of_features_is_imported_again(settled: Pipeline) -> None:
    table = settled.folder / "data/raw/mine/loud.csv"
    table.write_text(table.read_text().replace(",0.", ",1."))
    ran = settled.repro()
    assert {"manifest@mine", "extract@mine-loud", "train@main", "transfer@abroad"} <= ran
    assert "extract@yours-loud" not in ran


def test_other_folds_train_again_and_extract_nothing(settled: Pipeline) -> None:
    table = settled.folder / "data/raw/mine/folds.csv"
    table.write_text(table.read_text().replace(",0", ",2"))
    assert settled.repro() == {"manifest@mine", "train@main", "transfer@abroad", "report"}


def test_a_changed_file_of_another_tool_is_imported_again(settled: Pipeline) -> None:
    with (settled.folder / "data/raw/mine/utterances.csv").open() as file:
        names = [row["id"] for row in csv.DictReader(file)]
    archive = settled.folder / "data/raw/mine/theirs.npz"
    np.savez(archive, **{name: np.ones((2, 3)) for name in names})
    settled.edit(
        "params.yaml",
        "tracks:\n",
        "  theirs: {code: imported, format: npz, path: data/raw/mine/theirs.npz, modality: audio}\n"
        "tracks:\n  mine-theirs: {corpus: mine, backbone: theirs}\n",
    )
    assert {"manifest@mine", "extract@mine-theirs"} <= settled.repro()
    store = Store(settled.folder / "features/cache/mine/theirs.zarr")
    assert store.track(0).tolist() == [[[1.0] * 3] * 2]
    assert settled.repro() == set()
    np.savez(archive, **{name: np.zeros((1, 3)) for name in names})
    assert {"manifest@mine", "extract@mine-theirs"} <= settled.repro()
    store = Store(settled.folder / "features/cache/mine/theirs.zarr")
    assert store.track(0).tolist() == [[[0.0] * 3]]
