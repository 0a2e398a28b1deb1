"""Reads params.yaml into frozen specs and reports every problem in it at once."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from features.binding import bind, dataclass_parameters
from features.errors import ProjectError, did_you_mean, quoted, raise_all
from features.params.continued import read_continued
from features.params.distilled import read_distilled
from features.params.ensembles import read_ensemble
from features.params.entries import Entries
from features.params.heads import read_head
from features.params.sweeps import read_sweep
from features.params.tracks import (
    check_stores_differ,
    read_backbone,
    read_corpus,
    read_synthetic,
    read_track,
)
from features.params.transfers import read_transfer
from features.params.yaml_files import read_yaml
from features.specs.ensembles import EnsembleSpec
from features.specs.heads import AnyHead, TransferSpec
from features.specs.sweeps import SweepSpec
from features.specs.tracking import TrackingSpec
from features.specs.tracks import BackboneSpec, CorpusSpec, ExtractSpec, LeafSpec, TrackSpec

PARAMS_PATH = Path("params.yaml")
SECTIONS = (
    "extract", "synthetic", "corpora", "backbones", "tracks", "heads", "continued", "transfers",
)  # fmt: skip
# Sections that may be left out.
OPTIONAL = ("distilled", "ensembles", "tracking", "sweeps")
Spec = TypeVar("Spec", ExtractSpec, TrackingSpec)


@dataclass(frozen=True)
class Params:
    """All of params.yaml; `heads` includes the continued and the distilled ones."""

    extract: ExtractSpec
    synthetic: Mapping[str, LeafSpec]
    corpora: Mapping[str, CorpusSpec]
    backbones: Mapping[str, BackboneSpec]
    tracks: Mapping[str, TrackSpec]
    heads: Mapping[str, AnyHead]
    transfers: Mapping[str, TransferSpec]
    ensembles: Mapping[str, EnsembleSpec]
    tracking: TrackingSpec
    sweeps: Mapping[str, SweepSpec]

    def pick(self, section: str, name: str) -> Any:
        """One entry of a section, or a ProjectError that lists its entries."""
        entries = getattr(self, section)
        if name not in entries:
            raise ProjectError(
                f"params.yaml: {section} has no entry {name!r}; "
                f"its entries are {quoted(entries)}.{did_you_mean(name, entries)}"
            )
        return entries[name]


def load_params(path: Path = PARAMS_PATH) -> Params:
    """Read and check params.yaml.

    Raises ProjectError with every problem found: unknown or missing settings, values of the
    wrong type, and names that do not exist, each with the nearest one that does.
    """
    return parse_params(read_yaml(path), path.name)


def parse_params(raw: Any, file: str = PARAMS_PATH.name) -> Params:
    """Check the content of a parameter file; `file` names it in messages."""
    params, problems = read_params(raw, file)
    raise_all([f"{file}: {problem}" for problem in problems], file)
    return params


def read_params(raw: Any, file: str) -> tuple[Params, list[str]]:
    """The valid entries of a parameter file, and every problem in the others."""
    if not isinstance(raw, Mapping):
        raise ProjectError(f"{file} is not a mapping; it needs the sections {', '.join(SECTIONS)}")
    entries = Entries(raw)
    _check_sections(entries)
    extract = _bound(entries, "extract", ExtractSpec)
    tracking = _bound(entries, "tracking", TrackingSpec)
    heads: dict[str, AnyHead] = entries.read_section("heads", read_head)
    params = Params(
        extract,
        entries.read_section("synthetic", read_synthetic),
        entries.read_section("corpora", read_corpus),
        entries.read_section("backbones", read_backbone),
        entries.read_section("tracks", read_track),
        heads
        | entries.read_section("continued", read_continued)
        | entries.read_section("distilled", read_distilled),
        entries.read_section("transfers", read_transfer),
        entries.read_section("ensembles", read_ensemble),
        tracking,
        entries.read_section("sweeps", read_sweep),
    )
    check_stores_differ(entries, params.tracks)
    return params, entries.problems


def _bound(entries: Entries, section: str, spec: type[Spec]) -> Spec:
    """A section that is one spec, with defaults throughout if it is wrong."""
    settings = entries.raw.get(section) or {}
    values = bind(section, settings, dataclass_parameters(spec), entries.problems)
    return spec(**(values or {}))


def _check_sections(entries: Entries) -> None:
    available = (*SECTIONS, *OPTIONAL)
    for key in entries.raw:
        if key not in available:
            entries.note_unknown(f"{str(key)!r} is not a section", str(key), available, "sections")
    entries.problems += [
        f"the section {name!r} is missing; '{name}: {{}}' leaves it empty"
        for name in SECTIONS
        if name not in entries.raw
    ]
