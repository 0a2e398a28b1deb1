"""Reads params.yaml into frozen specs and reports every problem in it at once."""

import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from features.binding import Parameter, bind, dataclass_parameters
from features.errors import ProjectError, did_you_mean, quoted, raise_all
from features.leaves import leaf_constant, leaf_names, leaf_parameters
from features.manifest import MODALITIES
from features.specs import (
    BackboneSpec,
    CorpusSpec,
    ExtractSpec,
    HeadSpec,
    LeafSpec,
    Params,
    TrackSpec,
    TrainingSpec,
)

PARAMS_PATH = Path("params.yaml")
NAME = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")
SECTIONS = ("extract", "synthetic", "corpora", "backbones", "tracks", "heads")
HEAD_PARTS = {
    "temporal": ("train/temporal", "Temporal"),
    "pooling": ("train/pooling", "Pooling"),
    "fusion": ("train/fusions", "Fusion"),
}
Entry = TypeVar("Entry")


def load_params(path: Path = PARAMS_PATH) -> Params:
    """Read and check params.yaml.

    Raises ProjectError with every problem found: unknown or missing settings, values of the
    wrong type, and names that lead nowhere, each with the nearest known name.
    """
    return parse_params(read_yaml(path), path.name)


def read_yaml(path: Path) -> Any:
    """What a YAML 1.2 file holds (the version that DVC reads: ``1e-3`` is a number)."""
    try:
        return YAML(typ="safe", pure=True).load(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise ProjectError(
            f"{path} does not exist; it holds what runs. Work in the project's folder, or make "
            "one with 'python cli.py use demo'."
        ) from None
    except YAMLError as error:
        raise ProjectError(f"{path} is not valid YAML: {' '.join(str(error).split())}") from None


def parse_params(raw: Any, file: str = PARAMS_PATH.name) -> Params:
    """Check the content of a parameter file; `file` names it in messages."""
    if not isinstance(raw, Mapping):
        raise ProjectError(f"{file} is no mapping; it needs the sections {', '.join(SECTIONS)}")
    reader = _Reader(raw)
    params = reader.params()
    raise_all([f"{file}: {problem}" for problem in reader.problems], file)
    return params


class _Reader:
    """One pass over the raw mapping; collects problems instead of stopping at the first."""

    def __init__(self, raw: Mapping[str, Any]) -> None:
        self.raw = raw
        self.problems: list[str] = []

    def params(self) -> Params:
        for key in self.raw:
            if key not in SECTIONS:
                self.unknown(f"{str(key)!r} is not a section", str(key), SECTIONS, "sections")
        for name in SECTIONS:
            if name not in self.raw:
                self.problems.append(
                    f"the section {name!r} is missing; '{name}: {{}}' leaves it empty"
                )
        extract = bind(
            "extract",
            self.raw.get("extract") or {},
            dataclass_parameters(ExtractSpec),
            self.problems,
        )
        synthetic = self.section("synthetic", self.synthetic)
        corpora = self.section("corpora", self.corpus)
        backbones = self.section("backbones", self.backbone)
        tracks = self.section("tracks", self.track)
        self.refuse_twin_tracks(tracks)
        heads = self.section("heads", self.head)
        return Params(ExtractSpec(**(extract or {})), synthetic, corpora, backbones, tracks, heads)

    def section(self, name: str, read: Callable[[str, str, Any], Entry | None]) -> dict[str, Entry]:
        given = self.raw.get(name) or {}
        if not isinstance(given, Mapping):
            self.problems.append(
                f"{name} is {given!r}; it must be a mapping from names to settings"
            )
            return {}
        entries = {}
        for key, settings in given.items():
            if not isinstance(key, str) or not NAME.fullmatch(key) or key == "none":
                self.problems.append(
                    f"{name} has an entry named {key!r}; names are lower case letters, digits and "
                    "single hyphens, and 'none' is taken"
                )
                continue
            entry = read(f"{name}.{key}", key, settings)
            if entry is not None:
                entries[key] = entry
        return entries

    def unknown(self, fault: str, name: str, known: Any, what: str) -> None:
        self.problems.append(f"{fault}; {what} are {quoted(known)}.{did_you_mean(name, known)}")

    def names(self, section: str) -> list[str]:
        """The names written in a section, those with problems of their own included."""
        given = self.raw.get(section)
        return [str(name) for name in given] if isinstance(given, Mapping) else []

    def reference(self, where: str, name: str, section: str) -> bool:
        if name in self.names(section):
            return True
        self.unknown(f"{where} is {name!r}", name, self.names(section), section)
        return False

    def leaf(
        self, where: str, given: Any, folder: str, symbol: str, extra: tuple[Parameter, ...] = ()
    ) -> LeafSpec | None:
        """A mapping with a `code`: the leaf's settings, bound to its signature."""
        if not isinstance(given, Mapping) or not isinstance(given.get("code"), str):
            self.problems.append(
                f"{where} is {given!r}; it must be a mapping with a 'code', one of "
                f"{quoted(leaf_names(folder))}"
            )
            return None
        code = given["code"]
        if code not in leaf_names(folder):
            self.unknown(
                f"{where}.code is {code!r}", code, leaf_names(folder), f"files in {folder}"
            )
            return None
        parameters = [Parameter("code", str), *extra, *leaf_parameters(folder, code, symbol)]
        options = bind(where, given, parameters, self.problems)
        if options is None:
            return None
        options.pop("code")
        return LeafSpec(code, options)

    def synthetic(self, where: str, _: str, given: Any) -> LeafSpec | None:
        return self.leaf(where, given, "extract/synthetic", "make")

    def corpus(self, where: str, name: str, given: Any) -> CorpusSpec | None:
        leaf = self.leaf(where, given, "extract/corpora", "read", (Parameter("root", str),))
        if leaf is None:
            return None
        options = dict(leaf.options)
        return CorpusSpec(name, Path(options.pop("root")), LeafSpec(leaf.code, options))

    def backbone(self, where: str, name: str, given: Any) -> BackboneSpec | None:
        leaf = self.leaf(where, given, "extract/backbones", "load")
        if leaf is None:
            return None
        modality = leaf_constant("extract/backbones", leaf.code, "MODALITY")
        return BackboneSpec(name, modality, leaf)

    def track(self, where: str, name: str, given: Any) -> TrackSpec | None:
        wanted = [Parameter("corpus", str), Parameter("backbone", str)]
        values = bind(where, given, wanted, self.problems)
        if values is None:
            return None
        known = [
            self.reference(f"{where}.corpus", values["corpus"], "corpora"),
            self.reference(f"{where}.backbone", values["backbone"], "backbones"),
        ]
        return TrackSpec(name, **values) if all(known) else None

    def refuse_twin_tracks(self, tracks: Mapping[str, TrackSpec]) -> None:
        seen: dict[Path, str] = {}
        for track in tracks.values():
            if track.store in seen:
                self.problems.append(
                    f"tracks.{track.name} is the same store as tracks.{seen[track.store]} "
                    f"({track.store}); keep one of them"
                )
            seen[track.store] = track.name

    def head(self, where: str, name: str, given: Any) -> HeadSpec | None:
        wanted = [
            Parameter("corpus", str),
            Parameter("inputs", dict[str, str]),
            Parameter("dim", int, 128, lambda v: None if v >= 1 else "at least 1"),
            Parameter("dropout", float, 0.1, lambda v: None if 0 <= v < 1 else "in [0, 1)"),
            *(Parameter(part, Any) for part in HEAD_PARTS),
            Parameter("tasks", dict[str, Any]),
            Parameter("training", Any),
        ]
        values = bind(where, given, wanted, self.problems)
        if values is None:
            return None
        self.reference(f"{where}.corpus", values["corpus"], "corpora")
        self.check_inputs(f"{where}.inputs", values["corpus"], values["inputs"])
        for part, (folder, symbol) in HEAD_PARTS.items():
            values[part] = self.leaf(f"{where}.{part}", values[part], folder, symbol)
        values["tasks"] = self.tasks(f"{where}.tasks", values["tasks"])
        training = bind(
            f"{where}.training",
            values["training"],
            dataclass_parameters(TrainingSpec),
            self.problems,
        )
        values["training"] = TrainingSpec(**training) if training else None
        return HeadSpec(name, **values)

    def tasks(self, where: str, given: Mapping[str, Any]) -> dict[str, LeafSpec | None]:
        known = leaf_names("train/tasks")
        if not given:
            self.problems.append(f"{where} is empty; name at least one of {quoted(known)}")
        for name in given:
            if name not in known:
                self.unknown(f"{where} names {name!r}", name, known, "tasks")
        return {
            name: self.leaf(
                f"{where}.{name}", {"code": name, **(options or {})}, "train/tasks", "Task"
            )
            for name, options in given.items()
            if name in known and isinstance(options, Mapping | None)
        }

    def check_inputs(self, where: str, corpus: str, inputs: Mapping[str, str]) -> None:
        for modality in MODALITIES:
            if modality not in inputs:
                self.problems.append(f"{where}.{modality} is missing; 'none' switches it off")
        for name, backbone in inputs.items():
            if name not in MODALITIES:
                self.unknown(f"{where} names {name!r}", name, MODALITIES, "modalities")
            elif backbone != "none":
                self.check_input(f"{where}.{name}", corpus, name, backbone)
        if all(backbone == "none" for backbone in inputs.values()):
            self.problems.append(f"{where} switches every modality off; name at least one backbone")

    def check_input(self, where: str, corpus: str, modality: str, backbone: str) -> None:
        fitting = self.backbones_of(modality)
        if backbone not in fitting:
            self.unknown(f"{where} is {backbone!r}", backbone, fitting, f"{modality} backbones")
            return
        tracks = self.raw.get("tracks")
        entries = tracks.values() if isinstance(tracks, Mapping) else []
        if {"corpus": corpus, "backbone": backbone} not in list(entries):
            self.problems.append(
                f"{where} is {backbone!r}, but no track makes it for the corpus {corpus!r}; add "
                f"under tracks: {corpus}-{backbone}: {{corpus: {corpus}, backbone: {backbone}}}"
            )

    def backbones_of(self, modality: str) -> list[str]:
        given = self.raw.get("backbones")
        entries = given.items() if isinstance(given, Mapping) else []
        known = leaf_names("extract/backbones")
        return [
            str(name)
            for name, spec in entries
            if isinstance(spec, Mapping)
            and spec.get("code") in known
            and leaf_constant("extract/backbones", spec["code"], "MODALITY") == modality
        ]
