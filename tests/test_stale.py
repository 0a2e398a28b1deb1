"""Figures are shown of runs that are whole and belong to the present settings, and of no other."""

import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner, Result

from app.inputs import load_labels
from app.paths import labels_path
from cli import cli
from features.errors import ProjectError
from features.manifest import write_records
from features.runs.sealed import read_sealed
from features.specs.tracks import store_path
from tests.head_world import sixty_labels, store_of
from tests.run_world import EVERYTHING, make_runs, trained
from train.loop.checkpoint import Checkpoint


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder in which every head and transfer is up to date."""
    folder = tmp_path_factory.mktemp("finished")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        make_runs()
    return folder


@pytest.fixture
def folder(finished: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    copy = tmp_path / "copy"
    shutil.copytree(finished, copy)
    monkeypatch.chdir(copy)
    return copy


def run(*command: str) -> Result:
    return CliRunner().invoke(cli, list(command), catch_exceptions=not command)


def refused(*command: str) -> str:
    with pytest.raises(ProjectError) as refusal:
        run(*command)
    return str(refusal.value)


def edit(old: str, new: str) -> None:
    text = Path("params.yaml").read_text()
    assert old in text
    Path("params.yaml").write_text(text.replace(old, new))


def test_what_is_up_to_date_is_shown(folder: Path) -> None:
    done = run("results")
    assert done.exit_code == 0 and done.stderr == ""
    assert all(f"\n{name} " in done.stdout for name in ("main", "linear", "longer"))
    assert "elsewhere: main on yours" in done.stdout


def test_edited_settings_are_named_and_hide_no_other_head(folder: Path) -> None:
    edit("pooling: {code: mean}", "pooling: {code: max}")
    edit("epochs: 2", "epochs: 3")
    done = run("results")
    assert done.exit_code == 1
    assert (
        "runs/main: stale: trained with other settings (pooling.audio.code, training.epochs); "
        "run 'dvc repro train@main'"
    ) in done.stderr
    assert "runs/longer: stale: trained with other settings (pooling.audio.code)" in done.stderr
    assert "runs/elsewhere: stale: tested with other settings (head.pooling" in done.stderr
    assert "\nlinear " in done.stdout and "\nmain " not in done.stdout


def test_a_head_of_the_same_name_on_another_corpus_is_stale(folder: Path) -> None:
    edit("  main: &head\n    corpus: mine", "  main: &head\n    corpus: yours")
    edit("    head: main\n    corpus: yours", "    head: main\n    corpus: mine")
    assert "runs/main: stale: trained with other settings (corpus)" in run("results").stderr
    assert "stale: trained with other settings (corpus)" in refused("compare", "main", "linear")
    assert "stale: trained with other settings (corpus)" in refused("transfer", "elsewhere")
    assert "stale: trained with other settings (corpus)" in refused("train", "longer")


def test_other_labels_are_named(folder: Path) -> None:
    labels = load_labels("mine")
    write_records(labels_path("mine"), [replace(labels[0], emotion="joy"), *labels[1:]])
    lines = run("results").stderr.splitlines()
    assert lines[0] == "runs/main: stale: trained with other labels; run 'dvc repro train@main'"
    assert len(lines) == 3  # the transfer was tested on yours


def test_other_tracks_are_named(folder: Path) -> None:
    labels = sixty_labels()
    shutil.rmtree(store_path("yours", "mel"))
    swapped = [*labels[1:], replace(labels[0], id="another")]
    shutil.copytree(store_of(folder / "swapped", swapped).path, store_path("yours", "mel"))
    (line,) = run("results").stderr.splitlines()
    assert line.startswith("runs/elsewhere: stale: tested with other audio tracks; run 'dvc repro ")


def test_other_code_is_named(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("features.runs.staleness.code_digest", lambda: "of another version")
    stale = run("results").stderr
    assert stale.count("stale: trained with other code;") == 3


def test_what_starts_from_a_head_that_was_trained_again_is_stale(folder: Path) -> None:
    edit("training: {seeds: [0, 1], epochs: 2, lr: 0.01}", "training: {seeds: [1], epochs: 2}")
    trained("main")
    stale = run("results").stderr
    assert "runs/longer: stale: trained with other weights of the head it builds on" in stale
    assert "runs/elsewhere: stale: tested with other settings" in stale


def test_tracks_that_are_gone_hide_no_figures(folder: Path) -> None:
    shutil.rmtree("features")
    assert run("results").exit_code == 0


@pytest.mark.parametrize("name", ["linear", "longer", "elsewhere"])
def test_one_that_is_missing_hides_no_other(folder: Path, name: str) -> None:
    shutil.rmtree(folder / "runs" / name)
    done = run("results")
    assert done.exit_code == 1 and done.stderr.count("\n") == 1
    stage = {"linear": "train", "longer": "continue", "elsewhere": "transfer"}[name]
    verb = "tested" if name == "elsewhere" else "trained"
    assert f"runs/{name}: not {verb} yet; run 'dvc repro {stage}@{name}'" in done.stderr
    assert "\nmain " in done.stdout


def test_the_report_names_what_it_does_not_show(folder: Path) -> None:
    edit("lr: 0.001", "lr: 0.002")
    done = run("report")
    assert done.exit_code == 1 and "2 heads, 1 transfers" in done.stdout
    page = (folder / "report.html").read_text()
    assert "runs/longer: stale: trained with other settings (training.lr)" in page
    assert 'id="linear"' in page and 'id="longer"' not in page


def test_without_any_run_every_head_is_named(folder: Path) -> None:
    shutil.rmtree(folder / "runs")
    for command in ("results", "report"):
        done = run(command)
        assert done.exit_code == 1 and len(done.stderr.splitlines()) == len(EVERYTHING)


class TestDamage:
    @pytest.mark.slow
    def test_a_flipped_bit_in_any_file_is_named_and_the_rest_is_shown(self, folder: Path) -> None:
        """Whatever command reads it refuses in one line; nothing is shown of that run."""
        random = np.random.default_rng(3)
        files = sorted(f for name in EVERYTHING for f in Path("runs", name).rglob("*.*"))
        assert len(files) == 7 + 2 + 7 + 1 + 7 + 1 + 4
        for number in range(80):
            file = files[number % len(files)]
            before = file.read_bytes()
            changed = bytearray(before)
            bit = int(random.integers(len(before) * 8))
            changed[bit // 8] ^= 1 << bit % 8
            file.write_bytes(changed)
            done = run("results")
            name = file.parts[1]
            assert done.exit_code == 1 and not isinstance(done.exception, UnicodeError)
            assert f"runs/{name}: damaged: {file}" in done.stderr
            assert done.stderr.rstrip().endswith(f"run 'python cli.py runs heal {name}'")
            assert f"\n{name} " not in done.stdout
            file.write_bytes(before)
        assert run("results").exit_code == 0

    @pytest.mark.parametrize("fault", ["missing", "empty", "a folder", "swapped"])
    def test_a_file_that_is_not_there_or_another_is_named(self, folder: Path, fault: str) -> None:
        file = Path("runs/main/weights/seed-0.safetensors")
        file.unlink()
        if fault == "empty":
            file.touch()
        elif fault == "a folder":
            file.mkdir()
        elif fault == "swapped":
            shutil.copy("runs/main/weights/seed-1.safetensors", file)
        for command in (["compare", "main", "linear"], ["transfer", "elsewhere"]):
            assert f"runs/main: damaged: {file} " in refused(*command)
        assert f"runs/main: damaged: {file} " in refused("train", "longer")

    def test_a_folder_without_its_record_is_named(self, folder: Path) -> None:
        Path("runs/linear/run.json").unlink()
        assert "runs/linear: damaged: runs/linear/run.json is missing" in run("results").stderr

    def test_a_damaged_saved_training_starts_from_its_beginning(
        self, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        checkpoint = Checkpoint(tmp_path / "fold-1-seed-0.pt")
        random = np.random.default_rng(5)
        for _ in range(60):
            checkpoint.write({"epoch": 3, "weights": [0.25] * 40})
            assert checkpoint.read() == {"epoch": 3, "weights": [0.25] * 40}
            assert checkpoint.path is not None
            content = bytearray(checkpoint.path.read_bytes())
            bit = int(random.integers(len(content) * 8))
            content[bit // 8] ^= 1 << bit % 8
            checkpoint.path.write_bytes(content)
            assert checkpoint.read() is None and not checkpoint.path.exists()
            assert capsys.readouterr().err.count("is damaged; the training starts over") == 1

    def test_a_record_names_every_other_file(self, folder: Path) -> None:
        for name in EVERYTHING:
            record = "transfer.json" if name == "elsewhere" else "run.json"
            sealed = read_sealed(Path("runs", name), record)
            assert sealed is not None
            files = {
                f.relative_to(sealed.folder).as_posix()
                for f in sealed.folder.rglob("*")
                if f.is_file()
            }
            assert files == {*sealed.record["files"], record}
