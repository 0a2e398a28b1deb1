"""The examples of docs/how-to/extending.md work as shown: in their folders, in a pipeline."""

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from extract.synthetic import demo
from features.params.yaml_files import parse_yaml, read_yaml
from tests.conftest import ROOT
from tests.project import Project

PAGE = (ROOT / "docs" / "how-to" / "extending.md").read_text(encoding="utf-8")
EXAMPLES = ROOT / "docs" / "examples"
# Path in the project and content of every example that the page shows.
SHOWN = dict(re.findall(r"^`([\w/]+\.py)`:\n\n```python\n(.*?)```$", PAGE, re.S | re.M))
SUITES = ("backbones", "reader_contract", "contracts", "heads", "dialogues", "losses", "objectives",
          "protocols")  # fmt: skip


def blocks(language: str) -> list[str]:
    """The fenced blocks of a language in the page that are not whole files."""
    found: list[str] = re.findall(rf"^```{language}\n(.*?)```$", PAGE, re.S | re.M)
    return [block for block in found if block not in SHOWN.values()]


def test_the_page_shows_the_examples_as_they_are_linted_and_type_checked() -> None:
    files = {path.name: path.read_text(encoding="utf-8") for path in EXAMPLES.glob("*.py")}
    assert {Path(path).name: content for path, content in SHOWN.items()} == files


def test_every_kind_of_leaf_has_an_example() -> None:
    kinds = {f"train/{kind}" for kind in ("temporal", "pooling", "fusions", "dialogues", "tasks")}
    kinds |= {"train/objectives", "train/protocols", "extract/backbones", "extract/corpora"}
    assert {Path(path).parent.as_posix() for path in SHOWN} == kinds


@pytest.fixture(scope="module")
def extended(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """A copy of the project, tests included, with every example in its folder."""
    project = Project(tmp_path_factory.mktemp("extended"))
    ignored = shutil.ignore_patterns("__pycache__")
    shutil.copytree(ROOT / "tests", project.folder / "tests", ignore=ignored)
    shutil.copy(ROOT / "pyproject.toml", project.folder)
    for path, content in SHOWN.items():
        (project.folder / path).write_text(content, encoding="utf-8")
    layout = next(block for block in blocks("python") if "write_wav" in block)
    project.edit("tests/corpus_layouts.py", "\nLAYOUTS:", f"\n{layout}\n\nLAYOUTS:")
    (entry,) = re.findall(r'`("emo-db": .*?)` to `LAYOUTS`', PAGE)
    project.edit("tests/corpus_layouts.py", '    "crema-d":', f'    {entry},\n    "crema-d":')
    demo.make(project.folder / "data/raw/demo", seed=1, num_dialogues=10)
    return project


def suite(project: Project, *arguments: str) -> subprocess.CompletedProcess[str]:
    return project.run(sys.executable, "-m", "pytest", "-q", *arguments)


@pytest.mark.slow
def test_every_example_keeps_its_contract(extended: Project) -> None:
    names = [Path(path).stem.replace("_", "-") for path in SHOWN]
    files = [f"tests/test_{name}.py" for name in SUITES]
    done = suite(extended, *files, "-k", " or ".join(names))
    failed = re.findall(r"^FAILED (\S+)", done.stdout, re.M)
    golden = ["tests/test_backbones.py::test_values_change_only_with_the_version[loudness]"]
    assert failed == golden, done.stdout[-4000:]
    # The line that the test prints is the one to paste.
    (line,) = set(re.findall(r'^E?\s*(\("loudness", 1\): \[.*?\],?)$', done.stdout, re.M))
    golden_values = "GOLDEN_VALUES = {"
    added = f"{golden_values}\n    {line.rstrip(',')},"
    extended.edit("tests/test_backbones.py", golden_values, added)
    done = suite(extended, golden[0])
    assert done.returncode == 0, done.stdout[-2000:]


@pytest.mark.slow
def test_a_pipeline_runs_on_all_examples_at_once(extended: Project) -> None:
    raw = read_yaml(ROOT / "tests" / "small_params.yaml")
    raw |= {"corpora": {"demo": {"code": "demo", "root": "data/raw/demo"}}}
    raw |= {"continued": {}, "distilled": {}}
    raw["backbones"] = {"r3d-random": {"code": "r3d", "weights": "random", "seed": 0, "rate_hz": 2,
                                       "size_px": 56}}  # fmt: skip
    raw["tracks"] = {"demo-r3d-random": {"corpus": "demo", "backbone": "r3d-random"}}
    for block in blocks("yaml"):
        for section, entries in parse_yaml(block, "docs/how-to/extending.md").items():
            raw[section] = entries if section == "heads" else {**raw[section], **entries}
    (extended.folder / "params.yaml").write_text(json.dumps(raw), encoding="utf-8")
    for arguments in (
        ("check",), ("manifest", "demo"), ("extract", "demo-loudness"),
        ("extract", "demo-r3d-random"), ("train", "main"), ("report",),
    ):  # fmt: skip
        done = extended.cli(*arguments)
        assert done.returncode == 0, f"{arguments}: {done.stdout}{done.stderr}"
    metrics = json.loads((extended.folder / "runs/main/metrics.json").read_text())
    assert set(metrics["test"]) == {"emotion", "arousal"}
    # The tasks vad and arousal predict the same field, and only one prediction could be kept.
    raw["heads"]["main"]["tasks"]["vad"] = {}
    (extended.folder / "params.yaml").write_text(json.dumps(raw), encoding="utf-8")
    refused = extended.cli("train", "main")
    assert refused.returncode == 2
    assert "heads.main.tasks: 'arousal' and 'vad' both predict 'arousal'" in refused.stderr
