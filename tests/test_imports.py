"""The import rules of the architecture, read from the source text."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import ROOT

ROOMS = ("features", "extract", "train", "app")
ALLOWED = {
    "features": {"features"},
    "extract": {"extract", "features"},
    "train": {"train", "features"},
    "app": {"app", "extract", "train", "features"},
}
FILES = sorted(
    file for room in ROOMS for file in (ROOT / room).rglob("*.py") if "cache" not in file.parts
)


def imported(file: Path) -> set[str]:
    names = set()
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{file} imports relatively"
            names.add(node.module or "")
    return names


@pytest.mark.parametrize("file", FILES, ids=lambda f: f.relative_to(ROOT).as_posix())
def test_a_file_imports_only_from_the_rooms_it_may_see(file: Path) -> None:
    room = file.relative_to(ROOT).parts[0]
    seen = {name.split(".")[0] for name in imported(file)} & set(ROOMS)
    assert seen <= ALLOWED[room]


@pytest.mark.parametrize(
    "file", [f for f in FILES if f.relative_to(ROOT).parts[0] == "features"], ids=lambda f: f.name
)
def test_features_never_imports_torch_but_for_the_kernels_of_both_stages(file: Path) -> None:
    names = imported(file)
    assert "features.kernels" not in names
    torch_names = {name.split(".")[0] for name in names} & {"torch", "torchaudio", "transformers"}
    assert torch_names == ({"torch"} if file.name == "kernels.py" else set())


def test_training_needs_no_media_library() -> None:
    code = (
        "import sys, train.runs.run_head, train.loop.fit, app.pipeline;"
        "import train.fusions.concat, train.fusions.cross_modal, train.tasks.emotion;"
        "media = {'av', 'soundfile', 'torchaudio', 'torchvision', 'transformers'};"
        "print(sorted(media & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"


def test_the_command_line_starts_without_torch() -> None:
    code = "import sys, cli; print('torch' in sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "False"


def test_no_file_is_a_bag_of_helpers() -> None:
    assert not [file for file in FILES if file.stem in ("utils", "helpers", "common", "misc")]
