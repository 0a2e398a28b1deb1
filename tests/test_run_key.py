"""What a training in progress is found by: everything that decides its numbers."""

import shutil
from pathlib import Path

import pytest
import torch

from features import source
from tests.conftest import ROOT
from train.loop import checkpoint
from train.loop.checkpoint import run_key


@pytest.fixture
def code(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the code that the key digests, free to be changed."""
    for stage in ("features", "train", "extract"):
        ignored = shutil.ignore_patterns("__pycache__", "cache")
        shutil.copytree(ROOT / stage, tmp_path / stage, ignore=ignored)
    monkeypatch.setattr(checkpoint, "ROOT", tmp_path)
    assert source.ROOT == ROOT
    return tmp_path


def key() -> str:
    return run_key({"lr": 1}, [], {})


@pytest.mark.parametrize(
    "file", ["train/temporal/tcn.py", "train/loop/fit.py", "features/files.py"]
)
def test_changed_code_is_another_key(code: Path, file: str) -> None:
    before = key()
    path = code / file
    path.write_text(f"{path.read_text()}\n# changed\n")
    assert key() != before


def test_code_that_no_training_reads_is_the_same_key(code: Path) -> None:
    before = key()
    path = code / "extract" / "fill" / "fill.py"
    path.write_text(f"{path.read_text()}\n# changed\n")
    assert key() == before == run_key({"lr": 1}, [], {})


def test_another_torch_is_another_key(monkeypatch: pytest.MonkeyPatch) -> None:
    before = key()
    monkeypatch.setattr(torch, "__version__", "2.99.0")
    assert key() != before


def test_another_number_of_threads_is_another_key() -> None:
    keys = set()
    for count in (1, 2, 3):
        torch.set_num_threads(count)
        keys.add(key())
    assert len(keys) == 3
