"""Reads a corpus through its reader, digests its files and checks the result."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import cast

from extract.corpus.causes import with_cause_utterances
from extract.corpus.digests import missing_files, with_digests
from extract.corpus.durations import contradictions
from extract.corpus.expectations import deviations
from extract.corpus.feature_files import with_feature_files
from extract.corpus.fold_table import with_folds
from extract.corpus.known_bad import with_known_bad
from extract.corpus.paths import refuse_files_outside, refuse_settings_outside, with_found_files
from extract.corpus.reader import Note, Reader
from extract.corpus.recordings import with_recordings
from extract.corpus.texts import spellings, without_misread_characters
from features.checks import corpus_problems
from features.errors import ProjectError, quoted, raise_all
from features.leaves import load_leaf
from features.manifest import SPLITS, Label, Utterance
from features.progress import progress
from features.specs.tracks import CorpusSpec


@dataclass(frozen=True)
class Corpus:
    """Utterances with the digests of their files, their labels, and notes on what is doubtful."""

    utterances: list[Utterance]
    labels: list[Label]
    notes: list[str]


def read_corpus(spec: CorpusSpec) -> Corpus:
    """The corpus that params.yaml describes.

    Raises ProjectError with every problem: no root, no utterances, repeated ids, unknown
    splits, a dialogue in two splits, a path outside the root.
    """
    if not spec.root.is_dir():
        raise ProjectError(
            f"params.yaml: corpora.{spec.name}.root is {str(spec.root)!r}, which is not a folder; "
            "give the folder of the corpus"
        )
    refuse_settings_outside(spec)
    notes: list[str] = []
    utterances, labels = _read(spec, notes.append)
    utterances = with_feature_files(spec, with_known_bad(spec, utterances))
    refuse_files_outside(spec, utterances)
    utterances = with_digests(spec, with_found_files(spec, utterances))
    placed = [_placed(*pair) for pair in zip(utterances, labels, strict=True)]
    labels = with_folds(spec, with_cause_utterances(placed), notes.append)
    labels, repeated = with_recordings(spec, utterances, labels)
    expected = getattr(load_leaf("extract/corpora", spec.leaf.code), "expected", None)
    if expected is not None:
        notes += deviations(expected(**spec.leaf.options), utterances, labels)
    notes += [*spellings(utterances, labels), *repeated]
    notes += missing_files(utterances)
    notes += contradictions(spec.root, utterances)
    bad = [utterance for utterance in utterances if utterance.known_bad is not None]
    notes += [f"the media of {u.id} are not used: {u.known_bad}" for u in bad]
    return Corpus(utterances, labels, notes)


def _read(spec: CorpusSpec, note: Note) -> tuple[list[Utterance], list[Label]]:
    """What the reader yields; ProjectError for problems that make the corpus unusable."""
    reader = cast(Reader, load_leaf("extract/corpora", spec.leaf.code))
    read = reader.read(spec.root, note, **spec.leaf.options)
    pairs = list(progress(read, f"{spec.name}: reading", None, "utterances"))
    utterances, misread = without_misread_characters([utterance for utterance, _ in pairs])
    labels, misread_labels = without_misread_characters([label for _, label in pairs])
    for line in (*misread, *misread_labels):
        note(line)
    problems = corpus_problems(utterances, labels) + _split_problems(labels)
    raise_all([f"corpus {spec.name!r}: {problem}" for problem in problems], f"corpus {spec.name!r}")
    return utterances, labels


def _split_problems(labels: Sequence[Label]) -> list[str]:
    return [
        f"the utterance {label.id!r} is in the split {label.split!r}; splits are {quoted(SPLITS)}"
        for label in labels
        if label.split not in (*SPLITS, None)
    ]


def _placed(utterance: Utterance, label: Label) -> Label:
    """The label with the speaker and the place in the dialogue, for protocols and dialogues."""
    return replace(
        label,
        speaker=utterance.speaker,
        session=utterance.session,
        dialogue=utterance.dialogue,
        turn=utterance.turn,
    )
