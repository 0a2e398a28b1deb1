"""Refuses tokenizers that have no vocabulary, or tokens beyond the network's."""

from fnmatch import filter as matching
from pathlib import Path
from typing import Any

from extract.network.weights_files import file_names
from features.errors import ProjectError

# Any of these sets of files makes a tokenizer.
VOCABULARIES = (("tokenizer.json",), ("vocab.txt",), ("vocab.json", "merges.txt"), ("*.model",))


def require_vocabulary(folder: Path) -> None:
    """Refuse a folder without a vocabulary: the library would make an empty tokenizer from it."""
    names = file_names(folder)
    if not any(all(matching(names, file) for file in files) for files in VOCABULARIES):
        raise ProjectError(
            f"the checkpoint in {folder} has no tokenizer vocabulary (tokenizer.json, "
            "vocab.txt, vocab.json with merges.txt, or a *.model). Save the tokenizer too "
            "(tokenizer.save_pretrained(folder)), or copy its files from the published checkpoint."
        )


def require_fitting(tokenizer: Any, num_embeddings: int, folder: Path) -> None:
    """Refuse a tokenizer without words of its own, or with tokens beyond the embeddings."""
    vocabulary = tokenizer.get_vocab()
    if len(vocabulary) == len(tokenizer.get_added_vocab()):
        raise ProjectError(
            f"the tokenizer in {folder} has no words, only {len(vocabulary)} special tokens; its "
            "vocabulary is in files that this kind of tokenizer does not read. Save the tokenizer "
            "again (tokenizer.save_pretrained(folder))."
        )
    highest = max(vocabulary.values())
    if highest >= num_embeddings:
        raise ProjectError(
            f"the tokenizer in {folder} has tokens up to number {highest}, but the network has "
            f"embeddings for {num_embeddings}, up to number {num_embeddings - 1}; the two do not "
            "belong together. Copy both from the same published checkpoint."
        )
