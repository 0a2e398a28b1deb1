"""Fixtures that several test files share."""

import os
import shutil
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import torch

from extract.corpus.read import read_corpus
from extract.synthetic import demo
from features.manifest import Label, Utterance
from features.specs.tracks import CorpusSpec, LeafSpec

ROOT = Path(__file__).resolve().parents[1]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Whole pipelines first: a worker that got one last would keep the others waiting."""
    items.sort(key=lambda item: not hasattr(getattr(item, "module", None), "pytestmark"))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print what the crash tests have tried."""
    for outcome in ("passed", "failed"):
        counts: Counter[str] = Counter()
        for report in terminalreporter.getreports(outcome):
            if "test_crashes" in report.nodeid and getattr(report, "when", "") == "call":
                counts.update(name for name, _ in report.user_properties)
        if counts:
            numbers = ", ".join(f"{count} {name}" for name, count in sorted(counts.items()))
            terminalreporter.write_line(f"crashes, in tests that {outcome}: {numbers}")


@pytest.fixture(autouse=True)
def _same_start() -> Iterator[None]:
    torch.manual_seed(0)
    # Workers of pytest-xdist share the cores among themselves.
    num_threads = 1 if "PYTEST_XDIST_WORKER" in os.environ else 2
    torch.set_num_threads(num_threads)
    yield
    # An extraction sets it too, and fixtures of the next file are made before the lines above run.
    torch.set_num_threads(num_threads)


@pytest.fixture(scope="session")
def demo_root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A demo corpus of 4 dialogues (32 utterances); copy it before changing anything."""
    root = tmp_path_factory.mktemp("corpus") / "demo"
    demo.make(root, seed=1, num_dialogues=4)
    return root


@pytest.fixture
def own_demo(demo_root: Path, tmp_path: Path) -> Path:
    """A copy of the small demo corpus that a test may change."""
    return Path(shutil.copytree(demo_root, tmp_path / "own-demo"))


@pytest.fixture
def demo_corpus() -> Callable[[Path], tuple[CorpusSpec, list[Utterance], list[Label]]]:
    """Reads the demo corpus in a folder: its spec, utterances and labels."""

    def read(root: Path) -> tuple[CorpusSpec, list[Utterance], list[Label]]:
        spec = CorpusSpec("demo", root, LeafSpec("demo", {}))
        corpus = read_corpus(spec)
        return spec, corpus.utterances, corpus.labels

    return read


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of published data; the test skips where it is absent."""
    folder = Path(os.environ.get("PERMAFROST_DATA") or ROOT.parent / "shared" / "data")
    if not folder.is_dir():
        pytest.skip(f"real data is not at {folder}; set PERMAFROST_DATA to its folder")
    return folder
