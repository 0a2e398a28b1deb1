"""The files that a corpus names: relative to its root, and inside it."""

import unicodedata
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from features.errors import ProjectError, raise_all
from features.manifest import Utterance
from features.specs.tracks import CorpusSpec
from features.untrusted.regular import file_fault


def files_of(utterance: Utterance) -> list[str]:
    """The paths of an utterance's media and feature files."""
    media = [path for path in (utterance.audio, utterance.video) if path is not None]
    return media + [file.path for file in utterance.features.values()]


def is_outside(path: str) -> bool:
    """Whether a path is absolute or could leave the root."""
    return Path(path).is_absolute() or ".." in Path(path).parts


def refuse_settings_outside(spec: CorpusSpec) -> None:
    """Raise ProjectError where a table in the settings is outside the root, or is not a file.

    That is a path out of the root, a link that leads out of it, a pipe or a device.
    """
    for setting, path in (("folds", spec.folds), ("file", spec.leaf.options.get("file"))):
        if not isinstance(path, str):
            continue
        where = f"params.yaml: corpora.{spec.name}.{setting}"
        if is_outside(path):
            raise ProjectError(
                f"{where} is {path!r}; it must be relative to the corpus root and inside it, or "
                "DVC would not see it change"
            )
        if (spec.root / path).exists() and (fault := file_fault(spec.root, path)) is not None:
            raise ProjectError(f"{where}: {fault}")


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


class FileFinder:
    """Finds files whose names are written in another normal form of Unicode than on disk.

    A composed and a decomposed ``é`` look alike, and are different names on most file systems.
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        # For each folder, the names in it by their composed form.
        self.names: dict[Path, dict[str, list[str]]] = {}

    def find(self, path: str) -> str:
        """The path as the file system spells it; unchanged unless exactly one file matches."""
        if path.isascii() or is_outside(path) or (self.root / path).exists():
            return path
        folder = self.root
        for part in Path(path).parts:
            same = [part] if (folder / part).exists() else self._same(folder, part)
            if len(same) != 1:
                return path
            folder = folder / same[0]
        return folder.relative_to(self.root).as_posix()

    def _same(self, folder: Path, name: str) -> list[str]:
        if folder not in self.names:
            names: dict[str, list[str]] = {}
            for file in sorted(folder.iterdir()) if folder.is_dir() else ():
                names.setdefault(unicodedata.normalize("NFC", file.name), []).append(file.name)
            self.names[folder] = names
        return self.names[folder].get(unicodedata.normalize("NFC", name), [])


def with_found_files(spec: CorpusSpec, utterances: Sequence[Utterance]) -> list[Utterance]:
    """The utterances with the paths of their files as the file system writes them."""
    finder = FileFinder(spec.root)
    return [
        utterance
        if all(path.isascii() for path in files_of(utterance))
        else replace(
            utterance,
            audio=None if utterance.audio is None else finder.find(utterance.audio),
            video=None if utterance.video is None else finder.find(utterance.video),
            features={
                name: file._replace(path=finder.find(file.path))
                for name, file in utterance.features.items()
            },
        )
        for utterance in utterances
    ]
