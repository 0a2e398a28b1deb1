"""Reads a corpus through its reader, digests its files and checks what came out."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from extract.corpus.causes import with_cause_utterances
from extract.corpus.durations import contradictions
from extract.corpus.expectations import deviations
from extract.corpus.feature_files import with_feature_files
from extract.corpus.fold_table import with_folds
from extract.corpus.known_bad import with_known_bad
from features.checks import corpus_problems
from features.errors import ProjectError, quoted, raise_all
from features.files import digest_file
from features.leaves import load_leaf
from features.manifest import SPLITS, Label, Utterance
from features.progress import progress
from features.specs.tracks import CorpusSpec

NAMED_FILES = 3


@dataclass(frozen=True)
class Corpus:
    """Utterances with the digests of their files, their labels, and what is doubtful of them."""

    utterances: list[Utterance]
    labels: list[Label]
    notes: list[str]


def read_corpus(spec: CorpusSpec) -> Corpus:
    """A corpus as params.yaml says.

    Raises ProjectError with every problem: no root, no utterances, repeated ids, unknown
    splits, a dialogue in two splits, a path outside the root.
    """
    if not spec.root.is_dir():
        raise ProjectError(
            f"params.yaml: corpora.{spec.name}.root is {str(spec.root)!r}, which is no folder; "
            "give the folder that holds the corpus"
        )
    _refuse_settings_outside(spec)
    notes: list[str] = []
    leaf = load_leaf("extract/corpora", spec.leaf.code)
    read = leaf.read(spec.root, notes.append, **spec.leaf.options)
    pairs = list(progress(read, f"{spec.name}: reading", None, "utterances"))
    utterances, labels = [one for one, _ in pairs], [label for _, label in pairs]
    problems = corpus_problems(utterances, labels)
    problems += [
        f"the utterance {label.id!r} is in the split {label.split!r}; splits are {quoted(SPLITS)}"
        for label in labels
        if label.split not in (*SPLITS, None)
    ]
    raise_all([f"corpus {spec.name!r}: {problem}" for problem in problems], f"corpus {spec.name!r}")
    utterances = with_feature_files(spec, with_known_bad(spec, utterances))
    _refuse_outside(spec, utterances)
    utterances = _with_digests(spec, utterances)
    placed = [_placed(*pair) for pair in zip(utterances, labels, strict=True)]
    labels = with_folds(spec, with_cause_utterances(placed))
    if hasattr(leaf, "expected"):
        notes += deviations(leaf.expected(**spec.leaf.options), utterances, labels)
    notes += _missing(utterances)
    notes += contradictions(spec.root, utterances)
    bad = [utterance for utterance in utterances if utterance.known_bad is not None]
    notes += [f"the media of {u.id} are not used: {u.known_bad}" for u in bad]
    return Corpus(utterances, labels, notes)


def _placed(utterance: Utterance, label: Label) -> Label:
    """The label with who speaks where and when, for protocols and dialogues."""
    return replace(
        label,
        speaker=utterance.speaker,
        session=utterance.session,
        dialogue=utterance.dialogue,
        turn=utterance.turn,
    )


def _files(utterance: Utterance) -> list[str]:
    media = [path for path in (utterance.audio, utterance.video) if path is not None]
    return media + [file.path for file in utterance.features.values()]


def _refuse_outside(spec: CorpusSpec, utterances: Sequence[Utterance]) -> None:
    problems = [
        f"corpus {spec.name!r}: the utterance {utterance.id!r} has the path {path!r}; paths are "
        "relative to the corpus root and stay inside it"
        for utterance in utterances
        for path in _files(utterance)
        if _outside(path)
    ]
    raise_all(problems, f"corpus {spec.name!r}")


def _refuse_settings_outside(spec: CorpusSpec) -> None:
    for setting, path in (("folds", spec.folds), ("file", spec.leaf.options.get("file"))):
        if isinstance(path, str) and _outside(path):
            raise ProjectError(
                f"params.yaml: corpora.{spec.name}.{setting} is {path!r}; it is relative to the "
                "corpus root and stays inside it, or DVC would not see it change"
            )


def _outside(path: str) -> bool:
    return Path(path).is_absolute() or ".." in Path(path).parts


def _with_digests(spec: CorpusSpec, utterances: Sequence[Utterance]) -> list[Utterance]:
    digests: dict[str, str | None] = {}
    paths = {path for utterance in utterances for path in _files(utterance)}
    for path in progress(sorted(paths), f"{spec.name}: digests", len(paths), "files"):
        file = spec.root / path
        digests[path] = digest_file(file) if file.is_file() else None
    return [
        replace(
            utterance,
            audio_digest=digests.get(utterance.audio or ""),
            video_digest=digests.get(utterance.video or ""),
            features={
                name: file._replace(digest=digests[file.path])
                for name, file in utterance.features.items()
            },
        )
        for utterance in utterances
    ]


def _missing(utterances: Sequence[Utterance]) -> list[str]:
    """One line per kind of file that some utterances lack, those known to be bad left out."""
    usable = [utterance for utterance in utterances if utterance.known_bad is None]
    kinds = {
        "audio files": [u.audio for u in usable if u.audio and u.audio_digest is None],
        "video files": [u.video for u in usable if u.video and u.video_digest is None],
        "feature files": [
            file.path for u in usable for file in u.features.values() if file.digest is None
        ],
    }
    notes = []
    for kind, paths in kinds.items():
        if paths:
            shown = ", ".join(paths[:NAMED_FILES]) + (", ..." if len(paths) > NAMED_FILES else "")
            share = 100 * len(paths) / len(usable)
            notes.append(
                f"{len(paths)} {kind} of {len(usable)} utterances ({share:.1f} %) do not exist: "
                f"{shown}"
            )
    return notes
