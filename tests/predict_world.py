"""A small project with trained heads of every kind, made once for the tests of predictions."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from cli import cli
from extract.synthetic import demo
from tests.conftest import ROOT

HEADS = ("main", "folded", "probe")
# The project that those of all test files of a process are copies of.
MADE: list[Path] = []


def run(*command: str) -> Result:
    """A command, which may end with any exit code."""
    return CliRunner().invoke(cli, [str(word) for word in command], catch_exceptions=True)


def records(path: Path) -> list[dict[str, Any]]:
    """The lines of a JSON Lines file."""
    return [json.loads(line) for line in path.read_text().splitlines()]


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The project; copy it before changing anything."""
    if not MADE:
        MADE.append(_made(tmp_path_factory.mktemp("trained-first")))
    return Path(shutil.copytree(MADE[0], tmp_path_factory.mktemp("trained") / "project"))


def _made(folder: Path) -> Path:
    demo.make(folder / "data/raw/mine", seed=1, num_dialogues=8)
    shutil.copy(ROOT / "tests" / "predict_params.yaml", folder / "params.yaml")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        commands = [("manifest", "mine"), ("extract", "mine-mel"), ("extract", "mine-minilm")]
        for command in (*commands, *(("train", head) for head in (*HEADS, "by-speaker"))):
            done = run(*command)
            assert done.exit_code == 0, done.output
    return folder


@pytest.fixture
def project(trained: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The project as the folder in which commands run; nothing in it is changed."""
    monkeypatch.chdir(trained)
    return trained
