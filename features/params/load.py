"""Reads params.yaml into frozen specs and reports every problem in it at once."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from features.binding import Parameter, bind, dataclass_parameters
from features.errors import ProjectError, did_you_mean, quoted, raise_all
from features.leaves import backbone_modality, leaf_constant, leaf_names
from features.params.continued import read_continued
from features.params.entries import Entries
from features.params.heads import read_head
from features.params.sweeps import read_sweep
from features.params.transfers import read_transfer
from features.params.yaml_files import read_yaml
from features.specs.heads import AnyHead, TransferSpec
from features.specs.sweeps import SweepSpec
from features.specs.tracking import TrackingSpec
from features.specs.tracks import BackboneSpec, CorpusSpec, ExtractSpec, LeafSpec, TrackSpec

PARAMS_PATH = Path("params.yaml")
SECTIONS = (
    "extract", "synthetic", "corpora", "backbones", "tracks", "heads", "continued", "transfers",
)  # fmt: skip
# Sections that no stage reads: they may be left out.
OPTIONAL = ("tracking", "sweeps")


@dataclass(frozen=True)
class Params:
    """All of params.yaml; `heads` holds the continued ones as well."""

    extract: ExtractSpec
    synthetic: Mapping[str, LeafSpec]
    corpora: Mapping[str, CorpusSpec]
    backbones: Mapping[str, BackboneSpec]
    tracks: Mapping[str, TrackSpec]
    heads: Mapping[str, AnyHead]
    transfers: Mapping[str, TransferSpec]
    tracking: TrackingSpec
    sweeps: Mapping[str, SweepSpec]

    def pick(self, section: str, name: str) -> Any:
        """One entry of a section, or a ProjectError that lists the entries there are."""
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
    wrong type, and names that lead nowhere, each with the nearest known name.
    """
    return parse_params(read_yaml(path), path.name)


def parse_params(raw: Any, file: str = PARAMS_PATH.name) -> Params:
    """Check the content of a parameter file; `file` names it in messages."""
    if not isinstance(raw, Mapping):
        raise ProjectError(f"{file} is no mapping; it needs the sections {', '.join(SECTIONS)}")
    entries = Entries(raw)
    _check_sections(entries)
    given = raw.get("extract") or {}
    extract = bind("extract", given, dataclass_parameters(ExtractSpec), entries.problems)
    shown = raw.get("tracking") or {}
    tracking = bind("tracking", shown, dataclass_parameters(TrackingSpec), entries.problems)
    heads: dict[str, AnyHead] = entries.section("heads", read_head)
    params = Params(
        ExtractSpec(**(extract or {})),
        entries.section("synthetic", _synthetic),
        entries.section("corpora", _corpus),
        entries.section("backbones", _backbone),
        entries.section("tracks", _track),
        heads | entries.section("continued", read_continued),
        entries.section("transfers", read_transfer),
        TrackingSpec(**(tracking or {})),
        entries.section("sweeps", read_sweep),
    )
    _refuse_twin_tracks(entries, params.tracks)
    raise_all([f"{file}: {problem}" for problem in entries.problems], file)
    return params


def _check_sections(entries: Entries) -> None:
    for key in entries.raw:
        if key not in (*SECTIONS, *OPTIONAL):
            known = (*SECTIONS, *OPTIONAL)
            entries.unknown(f"{str(key)!r} is not a section", str(key), known, "sections")
    entries.problems += [
        f"the section {name!r} is missing; '{name}: {{}}' leaves it empty"
        for name in SECTIONS
        if name not in entries.raw
    ]


def _synthetic(entries: Entries, where: str, _: str, given: Any) -> LeafSpec | None:
    return entries.leaf(where, given, "extract/synthetic", "make")


CORPUS_SETTINGS = (
    Parameter("root", str),
    Parameter("features", dict[str, str], {}),
    Parameter("folds", str | None, None),
    Parameter("known_bad", dict[str, str], {}),
    Parameter("use_anyway", list[str], []),
)


def _corpus(entries: Entries, where: str, name: str, given: Any) -> CorpusSpec | None:
    leaf = entries.leaf(where, given, "extract/corpora", "read", CORPUS_SETTINGS)
    if leaf is None:
        return None
    options = dict(leaf.options)
    common = {setting.name: options.pop(setting.name) for setting in CORPUS_SETTINGS[1:]}
    return CorpusSpec(name, Path(options.pop("root")), LeafSpec(leaf.code, options), **common)


def _backbone(entries: Entries, where: str, name: str, given: Any) -> BackboneSpec | None:
    leaf = entries.leaf(where, given, "extract/backbones", "load")
    if leaf is None:
        return None
    modality = backbone_modality(leaf.code, leaf.options)
    assert modality is not None
    reads = leaf_constant("extract/backbones", leaf.code, "READS", None)
    features = None if reads is None else leaf.options[reads]
    _check_features(entries, where, name, features)
    return BackboneSpec(name, modality, leaf, features)


def _check_features(entries: Entries, where: str, name: str, features: str | None) -> None:
    """Note where a corpus that a track runs the backbone over has no such feature files."""
    for track in entries.given("tracks").values():
        given = track if isinstance(track, Mapping) else {}
        corpus = entries.given("corpora").get(str(given.get("corpus")))
        if features is None or given.get("backbone") != name or not isinstance(corpus, Mapping):
            continue
        known, code = corpus.get("features"), str(corpus.get("code"))
        known = known if isinstance(known, Mapping) else {}
        readable = code in leaf_names("extract/corpora")
        own = leaf_constant("extract/corpora", code, "FEATURES", ()) if readable else ()
        if features not in known and features not in own:
            entries.unknown(
                f"{where}.features is {features!r}",
                features,
                [*known, *own],
                f"features of corpora.{given.get('corpus')}",
            )


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
