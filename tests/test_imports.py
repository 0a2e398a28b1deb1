"""The import rules of the architecture, read from the source text."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import ROOT

ALLOWED = {
    "features": {"features"},
    "extract": {"extract", "features"},
    "train": {"train", "features"},
    "app": {"app", "extract", "train", "features"},
}
# What the rooms of a stage may import of the others; leaf folders are in the third table.
ROOMS = {
    "features.tables": set(),
    "features.store": {"features.specs"},
    "features.specs": set(),
    "features.untrusted": {"features.store"},
    "features.foreign": {"features.tables", "features.store", "features.untrusted"},
    "features.params": {"features.specs"},
    "features.runs": {"features.specs", "features.store"},
    "extract.media": set(),
    "extract.corpus": {"extract.media"},
    "extract.network": {"extract.media"},
    "extract.plan": {"extract.network", "extract.media"},
    "extract.fill": {"extract.plan", "extract.network", "extract.media"},
    "train.data": set(),
    "train.scoring": {"train.data"},
    "train.folds": {"train.data", "train.scoring"},
    "train.model": {"train.data", "train.scoring"},
    "train.attribution": {"train.data", "train.scoring", "train.model"},
    "train.loop": {"train.data", "train.scoring", "train.model"},
    "train.probes": {
        *("train.data", "train.scoring", "train.folds"),
        *("train.model", "train.loop"),
    },
    "train.runs": {
        "train.data",
        "train.scoring",
        "train.attribution",
        "train.model",
        "train.folds",
        "train.loop",
        "train.probes",
    },
    "train.apply": {
        *("train.data", "train.scoring", "train.model"),
        *("train.attribution", "train.runs"),
    },
}
MODULES = {"train.data", "train.model"}
LEAVES = {
    "features.exchange": {
        "features.foreign",
        "features.untrusted",
        "features.store",
        "features.tables",
    },
    "extract.backbones": {"extract.network", "extract.media"},
    "extract.corpora": {"extract.corpus", "extract.media"},
    "extract.synthetic": {"extract.media"},
    "train.temporal": MODULES,
    "train.pooling": MODULES,
    "train.fusions": MODULES,
    "train.dialogues": MODULES,
    "train.tasks": {*MODULES, "train.scoring"},
    "train.objectives": {*MODULES, "train.scoring"},
    "train.protocols": {"train.folds"},
}
MAX_FILES = 14
FILES = sorted(
    file for stage in ALLOWED for file in (ROOT / stage).rglob("*.py") if "cache" not in file.parts
)


def imported(file: Path) -> set[str]:
    names = set()
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{file} imports relatively"
            names.add(node.module or "")
            # `from train import loop` imports a room as well.
            names |= {f"{node.module}.{alias.name}" for alias in node.names}
    return names


def room_of(name: str) -> str | None:
    """The room, or folder of leaves, that a module is in; None at the top of a stage."""
    room = ".".join(name.split(".")[:2])
    return room if room in ROOMS or room in LEAVES else None


def module_of(file: Path) -> str:
    return ".".join(file.relative_to(ROOT).with_suffix("").parts)


def folders() -> Iterator[Path]:
    """Every folder that holds code, but tests."""
    tops = (*ALLOWED, "benchmarks")
    for folder in (ROOT / top for top in tops):
        yield from {file.parent for file in folder.rglob("*.py") if "cache" not in file.parts}


@pytest.mark.parametrize("file", FILES, ids=lambda f: f.relative_to(ROOT).as_posix())
def test_a_file_imports_only_from_the_stages_and_rooms_it_may_see(file: Path) -> None:
    names = imported(file)
    stage = file.relative_to(ROOT).parts[0]
    assert {name.split(".")[0] for name in names} & set(ALLOWED) <= ALLOWED[stage]
    room = room_of(module_of(file))
    if stage == "app" or file.name == "__init__.py":
        return
    seen = {room_of(name) for name in names if name.split(".")[0] == stage} - {room, None}
    assert seen <= {**ROOMS, **LEAVES}.get(room or "", set())


def test_every_folder_of_a_stage_is_a_room_or_holds_leaves() -> None:
    rooms = {
        f"{stage}.{folder.name}"
        for stage in ("features", "extract", "train")
        for folder in (ROOT / stage).iterdir()
        if folder.is_dir() and list(folder.glob("*.py"))
    }
    assert rooms == set(ROOMS) | set(LEAVES)


def test_rooms_are_in_an_order_without_circles() -> None:
    """A room may import those above it in ROOMS, and so none that imports it."""
    rooms = list(ROOMS)
    for room, allowed in ROOMS.items():
        stage = room.split(".")[0]
        above = {other for other in rooms[: rooms.index(room)] if other.startswith(stage)}
        assert allowed <= above | {"features.specs"}


def test_no_folder_but_those_of_leaves_has_more_files_than_one_can_survey() -> None:
    for folder in folders():
        name = ".".join(folder.relative_to(ROOT).parts)
        files = [file for file in folder.iterdir() if file.is_file() and file.suffix != ".pyc"]
        own = [file for file in files if file.name != "__init__.py"]
        assert name in LEAVES or len(own) <= MAX_FILES, f"{name} has {len(own)} files"


@pytest.mark.parametrize(
    "file", [f for f in FILES if f.relative_to(ROOT).parts[0] == "features"], ids=lambda f: f.name
)
def test_features_never_imports_torch_but_for_the_kernels_of_both_stages(file: Path) -> None:
    names = imported(file)
    assert "features.kernels" not in names
    torch_names = {name.split(".")[0] for name in names} & {"torch", "torchaudio", "transformers"}
    assert torch_names == ({"torch"} if file.name == "kernels.py" else set())


@pytest.mark.slow
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


def test_the_command_line_starts_without_torch_and_with_little_spinning() -> None:
    code = "import os, sys, cli; print('torch' in sys.modules, os.environ['GOMP_SPINCOUNT'])"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "False 10000"


def test_figures_are_shown_without_torch() -> None:
    modules = "app.results.page, app.results.comparison, app.results.runs"
    code = f"import sys, {modules}; print('torch' in sys.modules, 'sklearn' in sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "False False"


def test_no_file_is_a_bag_of_helpers() -> None:
    assert not [file for file in FILES if file.stem in ("utils", "helpers", "common", "misc")]
