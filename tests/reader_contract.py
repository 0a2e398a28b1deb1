"""Checks the contract of corpus readers, which is in extract/corpus/reader.py."""

import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import fields, replace
from pathlib import Path
from types import ModuleType
from typing import Any

from extract.corpus.paths import files_of, is_outside
from features.binding import bind
from features.checks import corpus_problems
from features.errors import quoted
from features.leaves import leaf_constant, leaf_names, leaf_parameters, load_leaf
from features.manifest import MODALITIES, Label, Utterance
from features.specs.tracks import CorpusSpec
from tests.reader_fields import field_violations, without_mistyped

Layouts = Mapping[str, tuple[Callable[[Path], None], Mapping[str, Any]]]
CONSTANTS = ("FEATURES", "RANGES", "SAME_RECORDINGS", "SHARED_UNDER")


def reader_violations(folder: str, name: str, layouts: Layouts, root: Path) -> list[str]:
    """Every way in which a reader breaks the contract, on its tiny corpus, made in `root`."""
    file = f"{folder}/{name.replace('-', '_')}.py"
    module = load_leaf(folder, name)
    if not hasattr(module, "read"):
        return [f"{file}: it has no function read(root, note, *, SETTINGS)"]
    problems = [] if module.__doc__ else ["it has no docstring; say which folder it expects"]
    problems += _signature_violations(module) + _constant_violations(folder, name, module)
    if name in layouts:
        make, options = layouts[name]
        settings = _bound(folder, name, options, problems)
        make(root)
        problems += _read_violations(module, root, settings)
    else:
        problems.append(
            "it has no layout; add to tests/corpus_layouts.py a function that makes a tiny corpus "
            "in exactly the layout that the reader expects, and name it there in LAYOUTS: "
            f"{name!r}: (FUNCTION, SETTINGS)"
        )
    return [f"{file}: {problem}" for problem in problems]


def _bound(
    folder: str, name: str, options: Mapping[str, Any], problems: list[str]
) -> Mapping[str, Any]:
    """The settings as params.yaml would give them: with the defaults that the source text has."""
    try:
        parameters = leaf_parameters(folder, name, "read")
    except Exception as error:
        reason = str(error).split(":")[0]
        problems.append(
            f"the settings of read cannot be read from the source text ({reason}); types and "
            "defaults must be literals or names of literals"
        )
        return options
    settings = bind("the settings of its layout", options, parameters, problems)
    return options if settings is None else settings


def _settings(function: Callable[..., Any]) -> list[inspect.Parameter]:
    parameters = inspect.signature(function).parameters.values()
    return [parameter for parameter in parameters if parameter.kind is parameter.KEYWORD_ONLY]


def _signature_violations(module: ModuleType) -> list[str]:
    settings = _settings(module.read)
    parameters = list(inspect.signature(module.read).parameters.values())
    problems = []
    if [p.name for p in parameters if p not in settings] != ["root", "note"]:
        problems.append("read must take root and note, and its settings as keywords only")
    if hasattr(module, "expected") and _settings(module.expected) != settings:
        problems.append("expected must take the settings of read, with the same defaults")
    common = {"code", *(field.name for field in fields(CorpusSpec))} - {"name", "leaf"}
    return problems + [
        f"read has the setting {parameter.name!r}, which every corpus has; rename it"
        for parameter in settings
        if parameter.name in common
    ]


def _constant_violations(folder: str, name: str, module: ModuleType) -> list[str]:
    problems = []
    constants: dict[str, Any] = dict.fromkeys(CONSTANTS, ())
    for constant in CONSTANTS:
        try:
            constants[constant] = leaf_constant(folder, name, constant, {})
        except ValueError:
            problems.append(f"{constant} cannot be read from the source text; write a literal")
    unknown = set(constants["RANGES"]) - {setting.name for setting in _settings(module.read)}
    if unknown:
        problems.append(f"RANGES has {quoted(unknown)}, not a setting of read")
    if unknown := set(constants["SAME_RECORDINGS"]) - set(leaf_names("extract/corpora")):
        problems.append(f"SAME_RECORDINGS has {quoted(unknown)}, not a file in extract/corpora")
    if modalities := set(constants["FEATURES"]) & set(MODALITIES):
        problems.append(f"FEATURES has {quoted(modalities)}, a modality; choose another name")
    return problems


def _read_violations(module: ModuleType, root: Path, settings: Mapping[str, Any]) -> list[str]:
    before = _state(root)
    notes: list[str] = []
    more_notes: list[str] = []
    try:
        pairs = list(module.read(root, notes.append, **settings))
        again = list(module.read(root, more_notes.append, **settings))
    except Exception as error:
        return [f"read raises {type(error).__name__}: {error}"]
    problems = []
    if (pairs, notes) != (again, more_notes):
        problems.append("reading twice gives different utterances, labels or notes")
    if _state(root) != before:
        problems.append("read changes the folder of the corpus")
    problems += [f"the note {note!r} is not one line" for note in notes if not _is_line(note)]
    problems += [
        f"item {number} that read gives is not a pair of Utterance and Label"
        for number, item in enumerate(pairs)
        if not _is_pair(item)
    ]
    features = set(getattr(module, "FEATURES", ()))
    return problems + _pair_violations(list(filter(_is_pair, pairs)), root, features)


def _state(root: Path) -> dict[str, tuple[int, int]]:
    files = [file for file in root.rglob("*") if file.is_file()]
    return {str(file): (file.stat().st_size, file.stat().st_mtime_ns) for file in files}


def _is_line(note: object) -> bool:
    return isinstance(note, str) and len(note.splitlines()) == 1


def _is_pair(item: object) -> bool:
    return (
        isinstance(item, tuple)
        and len(item) == 2
        and isinstance(item[0], Utterance)
        and isinstance(item[1], Label)
    )


def _pair_violations(
    pairs: Sequence[tuple[Utterance, Label]], root: Path, features: set[str]
) -> list[str]:
    """Those of single records first; then those of the whole, without values of a wrong type."""
    problems: list[str] = []
    utterances, labels = [], []
    for utterance, label in pairs:
        if not utterance.id:
            problems.append("the id of an utterance is empty")
        if label.id != utterance.id:
            problems.append(f"the utterance {utterance.id!r} comes with the label {label.id!r}")
        problems += field_violations(utterance) + field_violations(label)
        utterances.append(without_mistyped(utterance))
        labels.append(replace(without_mistyped(label), id=utterances[-1].id))
        problems += _file_violations(utterances[-1], root, features)
    return problems + corpus_problems(utterances, labels)


def _file_violations(utterance: Utterance, root: Path, features: set[str]) -> list[str]:
    files = files_of(utterance)
    problems = [f"the path {path!r} is not inside the root" for path in files if is_outside(path)]
    problems += [
        f"the file {path!r} does not exist"
        for path in files
        if not is_outside(path) and not (root / path).is_file() and utterance.known_bad is None
    ]
    if unnamed := utterance.features.keys() - features:
        problems.append(f"its features {quoted(unnamed)} are not in FEATURES")
    if any(file.digest is not None for file in utterance.features.values()):
        problems.append("the digest of a feature file is set; read_corpus fills it in")
    if utterance.text is None and not files:
        problems.append("it has neither text nor files")
    return [f"the utterance {utterance.id!r}: {problem}" for problem in problems]
