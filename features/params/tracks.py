"""Reads the sections `synthetic`, `corpora`, `backbones` and `tracks`, which extraction runs."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

from features.binding import Parameter, bind
from features.leaves import backbone_modality, leaf_constant, leaf_names
from features.params.entries import Entries
from features.specs.tracks import BackboneSpec, CorpusSpec, LeafSpec, TrackSpec

CORPUS_SETTINGS = (
    Parameter("root", str),
    Parameter("features", dict[str, str], {}),
    Parameter("folds", str | None, None),
    Parameter("known_bad", dict[str, str], {}),
    Parameter("use_anyway", list[str], []),
    Parameter("duplicates", Literal["refused", "allowed"], "refused"),
)
TRACK_SETTINGS = [Parameter("corpus", str), Parameter("backbone", str)]


def read_synthetic(entries: Entries, where: str, _: str, settings: Any) -> LeafSpec | None:
    """One synthetic corpus: the maker and its settings."""
    return entries.read_leaf(where, settings, "extract/synthetic", "make")


def read_corpus(entries: Entries, where: str, name: str, settings: Any) -> CorpusSpec | None:
    """One corpus: the settings that all corpora have, and those of its reader."""
    leaf = entries.read_leaf(where, settings, "extract/corpora", "read", CORPUS_SETTINGS)
    if leaf is None:
        return None
    options = dict(leaf.options)
    common = {setting.name: options.pop(setting.name) for setting in CORPUS_SETTINGS[1:]}
    return CorpusSpec(name, Path(options.pop("root")), LeafSpec(leaf.code, options), **common)


def read_backbone(entries: Entries, where: str, name: str, settings: Any) -> BackboneSpec | None:
    """One backbone, with its modality and the feature files that it reads, if any."""
    leaf = entries.read_leaf(where, settings, "extract/backbones", "load")
    if leaf is None:
        return None
    problems = _import_problems(leaf.options) if leaf.code == "imported" else []
    entries.problems += [f"{where}{problem}" for problem in problems]
    if problems:
        return None
    modality = backbone_modality(leaf.code, leaf.options)
    setting = leaf_constant("extract/backbones", leaf.code, "READS", None)
    features = None if setting is None else leaf.options[setting]
    _check_features(entries, where, name, features)
    return BackboneSpec(name, modality, leaf, features)


def _import_problems(options: Mapping[str, Any]) -> list[str]:
    """Missing and superfluous settings: either `path` and `format`, or `features` of the corpus."""
    by_id = options["format"] is not None or options["path"] is not None
    needed = ("format", "path") if by_id else ("modality", "features", "dim")
    other = ("features", "dim", "columns", "id_column") if by_id else ("field", "digest")
    missing = [
        f".{name} is missing; imported features need {' and '.join(needed)}"
        for name in needed
        if options[name] is None
    ]
    return missing + [
        f".{name} is not used with {needed[0]}; leave it out"
        for name in other
        if options[name] is not None
    ]


def _check_features(entries: Entries, where: str, name: str, features: str | None) -> None:
    """Note a corpus without these feature files that a track runs the backbone over."""
    for track in entries.raw_section("tracks").values():
        settings = track if isinstance(track, Mapping) else {}
        corpus = entries.raw_section("corpora").get(str(settings.get("corpus")))
        if features is None or settings.get("backbone") != name or not isinstance(corpus, Mapping):
            continue
        named, code = corpus.get("features"), str(corpus.get("code"))
        named = named if isinstance(named, Mapping) else {}
        has_reader = code in leaf_names("extract/corpora")
        shipped = leaf_constant("extract/corpora", code, "FEATURES", ()) if has_reader else ()
        if features not in named and features not in shipped:
            entries.note_unknown(
                f"{where}.features is {features!r}",
                features,
                [*named, *shipped],
                f"features of corpora.{settings.get('corpus')}",
            )


def read_track(entries: Entries, where: str, name: str, settings: Any) -> TrackSpec | None:
    """One track, its corpus and its backbone checked against those sections."""
    values = bind(where, settings, TRACK_SETTINGS, entries.problems)
    if values is None:
        return None
    has_corpus = entries.has_entry(f"{where}.corpus", values["corpus"], "corpora")
    has_backbone = entries.has_entry(f"{where}.backbone", values["backbone"], "backbones")
    return TrackSpec(name, **values) if has_corpus and has_backbone else None


def check_stores_differ(entries: Entries, tracks: Mapping[str, TrackSpec]) -> None:
    """Note tracks that would write the same store."""
    names: dict[Path, str] = {}
    for track in tracks.values():
        if track.store in names:
            entries.problems.append(
                f"tracks.{track.name} writes the same store as tracks.{names[track.store]} "
                f"({track.store}); keep one of them"
            )
        names[track.store] = track.name
