"""Reads params.yaml into frozen specs and reports every problem in it at once."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from features.binding import Parameter, bind, dataclass_parameters
from features.entries import Entries
from features.errors import ProjectError, raise_all
from features.head_params import read_head
from features.leaves import backbone_modality
from features.specs import BackboneSpec, CorpusSpec, ExtractSpec, LeafSpec, Params, TrackSpec

PARAMS_PATH = Path("params.yaml")
SECTIONS = ("extract", "synthetic", "corpora", "backbones", "tracks", "heads")


def load_params(path: Path = PARAMS_PATH) -> Params:
    """Read and check params.yaml.

    Raises ProjectError with every problem found: unknown or missing settings, values of the
    wrong type, and names that lead nowhere, each with the nearest known name.
    """
    return parse_params(read_yaml(path), path.name)


def read_yaml(path: Path) -> Any:
    """What a YAML 1.2 file holds (the version that DVC reads: ``1e-3`` is a number)."""
    try:
        return parse_yaml(path.read_text(encoding="utf-8"), path.name)
    except FileNotFoundError:
        raise ProjectError(
            f"{path} does not exist; it holds what runs. Work in the project's folder, or make "
            "one with 'python cli.py use demo'."
        ) from None
    except (UnicodeDecodeError, OSError) as error:
        raise ProjectError(f"{path} cannot be read as UTF-8 text: {error}") from None


def parse_yaml(text: str, file: str) -> Any:
    """What a YAML text holds; `file` names it in messages."""
    try:
        return YAML(typ="safe", pure=True).load(text)
    except (YAMLError, ValueError) as error:
        raise ProjectError(f"{file} is not valid YAML: {' '.join(str(error).split())}") from None


def parse_params(raw: Any, file: str = PARAMS_PATH.name) -> Params:
    """Check the content of a parameter file; `file` names it in messages."""
    if not isinstance(raw, Mapping):
        raise ProjectError(f"{file} is no mapping; it needs the sections {', '.join(SECTIONS)}")
    entries = Entries(raw)
    _check_sections(entries)
    given = raw.get("extract") or {}
    extract = bind("extract", given, dataclass_parameters(ExtractSpec), entries.problems)
    params = Params(
        ExtractSpec(**(extract or {})),
        entries.section("synthetic", _synthetic),
        entries.section("corpora", _corpus),
        entries.section("backbones", _backbone),
        entries.section("tracks", _track),
        entries.section("heads", read_head),
    )
    _refuse_twin_tracks(entries, params.tracks)
    raise_all([f"{file}: {problem}" for problem in entries.problems], file)
    return params


def _check_sections(entries: Entries) -> None:
    for key in entries.raw:
        if key not in SECTIONS:
            entries.unknown(f"{str(key)!r} is not a section", str(key), SECTIONS, "sections")
    entries.problems += [
        f"the section {name!r} is missing; '{name}: {{}}' leaves it empty"
        for name in SECTIONS
        if name not in entries.raw
    ]


def _synthetic(entries: Entries, where: str, _: str, given: Any) -> LeafSpec | None:
    return entries.leaf(where, given, "extract/synthetic", "make")


def _corpus(entries: Entries, where: str, name: str, given: Any) -> CorpusSpec | None:
    leaf = entries.leaf(where, given, "extract/corpora", "read", (Parameter("root", str),))
    if leaf is None:
        return None
    options = dict(leaf.options)
    return CorpusSpec(name, Path(options.pop("root")), LeafSpec(leaf.code, options))


def _backbone(entries: Entries, where: str, name: str, given: Any) -> BackboneSpec | None:
    leaf = entries.leaf(where, given, "extract/backbones", "load")
    if leaf is None:
        return None
    modality = backbone_modality(leaf.code, leaf.options)
    assert modality is not None
    return BackboneSpec(name, modality, leaf)


def _track(entries: Entries, where: str, name: str, given: Any) -> TrackSpec | None:
    wanted = [Parameter("corpus", str), Parameter("backbone", str)]
    values = bind(where, given, wanted, entries.problems)
    if values is None:
        return None
    known = [
        entries.reference(f"{where}.corpus", values["corpus"], "corpora"),
        entries.reference(f"{where}.backbone", values["backbone"], "backbones"),
    ]
    return TrackSpec(name, **values) if all(known) else None


def _refuse_twin_tracks(entries: Entries, tracks: Mapping[str, TrackSpec]) -> None:
    seen: dict[Path, str] = {}
    for track in tracks.values():
        if track.store in seen:
            entries.problems.append(
                f"tracks.{track.name} is the same store as tracks.{seen[track.store]} "
                f"({track.store}); keep one of them"
            )
        seen[track.store] = track.name
