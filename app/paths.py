"""Where the files of a project are."""

from collections.abc import Sequence
from pathlib import Path

from features.errors import ProjectError, did_you_mean, quoted
from features.specs.tracks import CACHE_PATH

DATA_PATH = Path("data")
RUNS_PATH = Path("runs")
# By the seal of every run DVC knows that an ensemble of heads must be made again.
SEALS_PATH = RUNS_PATH / "_seals"


def manifest_path(corpus: str) -> Path:
    """The manifest of a corpus: its utterances and their media."""
    return DATA_PATH / corpus / "manifest.jsonl"


def labels_path(corpus: str) -> Path:
    """The labels of a corpus, and the split of each utterance."""
    return DATA_PATH / corpus / "labels.jsonl"


def notes_path(corpus: str) -> Path:
    """Notes on a corpus, such as missing files, one per line."""
    return DATA_PATH / "_notes" / f"{corpus}.json"


def published() -> dict[str, Path]:
    """The path of every published store by its name, `<corpus>/<backbone>`."""
    paths = sorted(CACHE_PATH.glob("[a-z0-9]*/[a-z0-9]*.zarr"))
    return {f"{path.parent.name}/{path.stem}": path for path in paths}


def store_paths(names: Sequence[str]) -> dict[str, Path]:
    """The paths of some published stores, or of all if none is named."""
    paths = published()
    for name in names:
        if name not in paths:
            raise ProjectError(
                f"there is no store {name!r} in {CACHE_PATH}; stores are {quoted(paths)}."
                + did_you_mean(name, paths)
            )
    return {name: paths[name] for name in names} if names else paths
