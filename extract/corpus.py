"""Reads a corpus through its reader, digests its media and checks what came out."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from features.errors import ProjectError, quoted, raise_all
from features.files import digest_file
from features.leaves import load_leaf
from features.manifest import SPLITS, Label, Utterance, corpus_problems
from features.progress import progress
from features.specs import CorpusSpec


def read_corpus(spec: CorpusSpec) -> tuple[list[Utterance], list[Label]]:
    """The utterances of a corpus, with the digests of their media, and its labels.

    Raises ProjectError with every problem: no root, no utterances, repeated ids, unknown
    splits, a dialogue in two splits, a path outside the root.
    """
    if not spec.root.is_dir():
        raise ProjectError(
            f"params.yaml: corpora.{spec.name}.root is {str(spec.root)!r}, which is no folder; "
            "give the folder that holds the corpus"
        )
    read = load_leaf("extract/corpora", spec.leaf.code).read(spec.root, **spec.leaf.options)
    pairs = list(progress(read, f"{spec.name}: reading", None, "utterances"))
    utterances = [utterance for utterance, _ in pairs]
    labels = [label for _, label in pairs]
    problems = corpus_problems(utterances, labels)
    problems += [
        f"the utterance {label.id!r} is in the split {label.split!r}; splits are {quoted(SPLITS)}"
        for label in labels
        if label.split not in SPLITS
    ]
    problems += _outside(utterances)
    raise_all([f"corpus {spec.name!r}: {problem}" for problem in problems], f"corpus {spec.name!r}")
    return _with_digests(spec, utterances), labels


def _outside(utterances: Sequence[Utterance]) -> list[str]:
    return [
        f"the utterance {utterance.id!r} has the media path {path!r}; paths are relative to the "
        "corpus root and stay inside it"
        for utterance in utterances
        for path in (utterance.audio, utterance.video)
        if path is not None and (Path(path).is_absolute() or ".." in Path(path).parts)
    ]


def _with_digests(spec: CorpusSpec, utterances: Sequence[Utterance]) -> list[Utterance]:
    digests: dict[str, str | None] = {}
    paths = {path for u in utterances for path in (u.audio, u.video) if path is not None}
    for path in progress(sorted(paths), f"{spec.name}: digests", len(paths), "files"):
        file = spec.root / path
        digests[path] = digest_file(file) if file.is_file() else None
    return [
        replace(
            utterance,
            audio_digest=digests.get(utterance.audio or ""),
            video_digest=digests.get(utterance.video or ""),
        )
        for utterance in utterances
    ]
