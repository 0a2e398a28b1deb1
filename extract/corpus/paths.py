"""The files that a corpus names: relative to its root, and inside it."""

from collections.abc import Sequence
from pathlib import Path

from features.errors import ProjectError, raise_all
from features.manifest import Utterance
from features.specs.tracks import CorpusSpec


def files_of(utterance: Utterance) -> list[str]:
    """The paths of an utterance's media and feature files."""
    media = [path for path in (utterance.audio, utterance.video) if path is not None]
    return media + [file.path for file in utterance.features.values()]


def is_outside(path: str) -> bool:
    """Whether a path is absolute or could leave the root."""
    return Path(path).is_absolute() or ".." in Path(path).parts


def refuse_settings_outside(spec: CorpusSpec) -> None:
    """Raise ProjectError where a table in the settings is outside the root."""
    for setting, path in (("folds", spec.folds), ("file", spec.leaf.options.get("file"))):
        if isinstance(path, str) and is_outside(path):
            raise ProjectError(
                f"params.yaml: corpora.{spec.name}.{setting} is {path!r}; it must be relative to "
                "the corpus root and inside it, or DVC would not see it change"
            )


def refuse_files_outside(spec: CorpusSpec, utterances: Sequence[Utterance]) -> None:
    """Raise ProjectError with every path of an utterance that is outside the root."""
    problems = [
        f"corpus {spec.name!r}: the utterance {utterance.id!r} has the path {path!r}; paths must "
        "be relative to the corpus root and inside it"
        for utterance in utterances
        for path in files_of(utterance)
        if is_outside(path)
    ]
    raise_all(problems, f"corpus {spec.name!r}")
