"""Where the files of a project are."""

from pathlib import Path

DATA_PATH = Path("data")
RUNS_PATH = Path("runs")


def manifest_path(corpus: str) -> Path:
    """The manifest of a corpus: its utterances and their media."""
    return DATA_PATH / corpus / "manifest.jsonl"


def labels_path(corpus: str) -> Path:
    """The labels of a corpus, and the split of each utterance."""
    return DATA_PATH / corpus / "labels.jsonl"


def notes_path(corpus: str) -> Path:
    """Notes on a corpus, such as missing files, one per line."""
    return DATA_PATH / "_notes" / f"{corpus}.json"
