"""Commands as a user runs them: one clear line and exit code 2 for what the user can mend."""

import shutil
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from tests.conftest import ROOT
from tests.project import Project

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def ready(tmp_path_factory: pytest.TempPathFactory, demo_root: Path) -> Project:
    """A project whose corpus is read and whose audio is cached."""
    project = Project(tmp_path_factory.mktemp("project"))
    shutil.copy(ROOT / "tests" / "small_params.yaml", project.folder / "params.yaml")
    shutil.copytree(demo_root, project.folder / "data/raw/mine")
    for command in (["manifest", "mine"], ["extract", "mine-mel"]):
        done = project.cli(*command)
        assert done.returncode == 0, done.stderr
    return project


@pytest.fixture
def project(ready: Project, tmp_path: Path) -> Project:
    """A copy of it that a test may break."""
    shutil.copytree(ready.folder, tmp_path / "p", dirs_exist_ok=True)
    copy = object.__new__(Project)
    copy.folder, copy.environment = tmp_path / "p", ready.environment
    return copy


def refused(project: Project, *command: str) -> str:
    """The one line that a command prints when it refuses; it writes nothing."""
    before = sorted(p for p in project.folder.rglob("*") if "__pycache__" not in p.parts)
    done = project.cli(*command)
    assert done.returncode == 2, done.stderr
    lines = [line for line in done.stderr.splitlines() if line.startswith("Error: ")]
    assert len(lines) == 1 and "Traceback" not in done.stderr
    after = sorted(p for p in project.folder.rglob("*") if "__pycache__" not in p.parts)
    assert [p for p in after if p.suffix != ".json" and ".parts" not in p.parts] == [
        p for p in before if p.suffix != ".json" and ".parts" not in p.parts
    ]
    return lines[0]


class TestBadInput:
    def test_unknown_backbone(self, project: Project) -> None:
        project.edit("params.yaml", "text: none, audio: mel", "text: none, audio: mell")
        assert "audio backbones are 'mel'. Did you mean 'mel'?" in refused(project, "train", "main")

    def test_misspelt_key(self, project: Project) -> None:
        project.edit("params.yaml", "epochs: 2", "epoch: 2")
        assert "has no setting 'epoch'" in refused(project, "train", "main")

    def test_unknown_name_on_the_command_line(self, project: Project) -> None:
        assert "Did you mean 'audio'?" in refused(project, "train", "audios")

    def test_missing_media(self, project: Project) -> None:
        (project.folder / "data/raw/mine/audio/d000-u0.wav").unlink()
        assert project.cli("manifest", "mine").returncode == 0
        line = refused(project, "extract", "mine-mel")
        assert "1 utterances cannot be encoded, but only 0 may fail: d000-u0 (missing)" in line

    def test_undecodable_media_beyond_the_allowed_number(self, project: Project) -> None:
        for turn in (0, 1):
            (project.folder / f"data/raw/mine/audio/d000-u{turn}.wav").write_bytes(b"nothing")
        project.edit("params.yaml", "max_failed: 0", "max_failed: 1")
        assert project.cli("manifest", "mine").returncode == 0
        shutil.rmtree(project.folder / "features/cache/mine/mel.zarr")
        line = refused(project, "extract", "mine-mel")
        assert "2 utterances cannot be encoded, but only 1 may fail" in line
        project.edit("params.yaml", "max_failed: 1", "max_failed: 2")
        assert project.cli("extract", "mine-mel").returncode == 0

    def test_a_dialogue_in_two_splits(self, project: Project) -> None:
        project.edit("data/raw/mine/utterances.csv", "d000-u3,train", "d000-u3,test")
        assert "the dialogue 'd000' is in test and train" in refused(project, "manifest", "mine")

    def test_repeated_ids(self, project: Project) -> None:
        project.edit("data/raw/mine/utterances.csv", "d000-u1,train", "d000-u0,train")
        assert "the id 'd000-u0' occurs 2 times" in refused(project, "manifest", "mine")

    def test_an_empty_corpus(self, project: Project) -> None:
        table = project.folder / "data/raw/mine/utterances.csv"
        table.write_text(table.read_text().splitlines()[0] + "\n")
        assert "corpus 'mine': it has no utterances" in refused(project, "manifest", "mine")

    def test_an_unknown_split(self, project: Project) -> None:
        table = project.folder / "data/raw/mine/utterances.csv"
        table.write_text(table.read_text().replace(",dev,", ",valid,"))
        line = project.cli("manifest", "mine").stderr
        assert "is in the split 'valid'; splits are 'dev', 'test', 'train'" in line

    def test_training_before_extracting(self, project: Project) -> None:
        line = refused(project, "train", "main")
        assert "minilm.zarr/zarr.json does not exist; 'dvc repro' makes it" in line

    def test_a_report_before_training(self, project: Project) -> None:
        done = project.cli("report")
        assert done.returncode == 1 and "Traceback" not in done.stderr
        assert "runs/main: not trained yet; run 'dvc repro train@main'" in done.stderr

    def test_an_unknown_device(self, project: Project) -> None:
        assert "--device is 'tpu'" in refused(project, "extract", "mine-mel", "--device", "tpu")


class TestStores:
    def test_ls_lists_every_store(self, ready: Project) -> None:
        lines = ready.cli("stores", "ls").stdout.splitlines()
        assert [line.split()[:4] for line in lines[1:]] == [
            ["mine/mel", "audio", "32", "0"],
            ["mine/none", "none", "0", "32"],
        ]

    def test_show_describes_one(self, ready: Project) -> None:
        output = ready.cli("stores", "show", "mine/mel").stdout
        assert "backbone num_bands: 16" in output and "parts made with: av " in output
        assert "Did you mean 'mine/mel'?" in ready.cli("stores", "show", "mine/mell").stderr

    def test_verify_exits_0_if_nothing_is_wrong(self, ready: Project) -> None:
        done = ready.cli("stores", "verify")
        assert done.returncode == 0 and done.stdout == "mine/mel: ok\nmine/none: ok\n"

    def test_verify_exits_1_and_names_what_is_wrong(self, project: Project) -> None:
        chunk = next(project.folder.glob("features/cache/mine/mel.zarr/parts/*/c/0/0/0"))
        raw = bytearray(chunk.read_bytes())
        raw[len(raw) // 2] ^= 4
        chunk.unlink()
        chunk.write_bytes(raw)
        done = project.cli("stores", "verify", "mine/mel")
        assert done.returncode == 1 and chunk.parts[-5] in done.stderr
        assert "does not match its checksum" in done.stderr


class TestUse:
    def test_a_recipe_becomes_params_yaml_with_its_root(
        self, project: Project, tmp_path: Path
    ) -> None:
        root = tmp_path / "meld"
        root.mkdir()
        done = project.cli("use", "meld-text", "--root", str(root), "--force")
        assert done.returncode == 0, done.stderr
        text = (project.folder / "params.yaml").read_text()
        assert YAML(typ="safe").load(text)["corpora"]["meld"]["root"] == str(root)
        assert "# Reproduces: no published system; emotion from MELD" in text
        assert (project.folder / "params.yaml.bak").read_text() == (
            ROOT / "tests/small_params.yaml"
        ).read_text()
        assert project.cli("check").returncode == 0

    def test_corpora_that_are_read_from_one_folder_get_it_all(
        self, project: Project, tmp_path: Path
    ) -> None:
        words = ["use", "daic-hierarchical", "--root", str(tmp_path), "--force"]
        assert project.cli(*words).returncode == 0
        corpora = YAML(typ="safe").load((project.folder / "params.yaml").read_text())["corpora"]
        assert [corpus["root"] for corpus in corpora.values()] == [str(tmp_path)] * 2
        assert project.cli("use", "demo").returncode == 0
        words = ["cross-corpus", "--root", str(tmp_path)]
        assert "reads 2 folders, and --root names one" in refused(project, "use", *words)

    def test_an_edited_file_is_not_replaced_without_force(self, project: Project) -> None:
        assert "params.yaml has been edited" in refused(project, "use", "demo")

    def test_what_use_wrote_may_be_replaced(self, project: Project, tmp_path: Path) -> None:
        assert project.cli("use", "meld-text", "--root", str(tmp_path), "--force").returncode == 0
        assert project.cli("use", "demo").returncode == 0
        assert project.cli("use", "ravdess-mel").returncode == 0

    def test_unknown_recipes_and_roots_are_named(self, project: Project) -> None:
        assert "Did you mean 'meld-text'?" in refused(project, "use", "meld-txt")
        assert "--root is 'absent'" in refused(
            project, "use", "meld-text", "--root", "absent", "--force"
        )


def test_help_names_every_command(ready: Project) -> None:
    output = ready.cli("--help").stdout
    for command in ("manifest", "extract", "train", "report", "results", "stores", "use", "check"):
        assert f"  {command} " in output
