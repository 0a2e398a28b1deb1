"""Corpora that tests read: each reader over a tiny folder in its layout."""

from pathlib import Path
from typing import Any

from extract.corpus.read import Corpus, read_corpus
from features.specs.tracks import CorpusSpec, LeafSpec
from tests.corpus_layouts import LAYOUTS


def corpus(code: str, root: Path, **options: object) -> CorpusSpec:
    """A corpus named after its reader."""
    return CorpusSpec(code, root, LeafSpec(code, options))


def made(code: str, folder: Path) -> tuple[Path, dict[str, Any]]:
    """The folder of a corpus, and its reader's settings."""
    make, options = LAYOUTS[code]
    root = folder / "corpus"
    root.mkdir()
    make(root)
    return root, options


def read(code: str, folder: Path, **options: Any) -> Corpus:
    """A corpus made in the folder and read."""
    root, usual = made(code, folder)
    return read_corpus(corpus(code, root, **{**usual, **options}))
