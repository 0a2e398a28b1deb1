"""Specs from the plain JSON of a record: what a run was trained with, whatever params.yaml says."""

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from features.specs.heads import AnyHead, HeadSpec, ProbeSpec, ProtocolSpec
from features.specs.tracks import BackboneSpec, ExtractSpec, LeafSpec
from features.specs.training import (
    AugmentSpec,
    CurriculumSpec,
    RaiseDropoutSpec,
    TrainingSpec,
)


def restored_head(described: Mapping[str, Any]) -> AnyHead:
    """The head whose `described` settings these are."""
    values = dict(described)
    protocol = dict(values["protocol"])
    drawn = {name: protocol.pop(name) for name in ("dev_share", "dev_unit")}
    values["protocol"] = ProtocolSpec(_leaf(protocol), **drawn)
    values["tasks"] = _leaves(values["tasks"])
    if "training" not in values:
        return ProbeSpec(**values)
    for name in ("temporal", "pooling", "objectives"):
        values[name] = _leaves(values[name])
    for name in ("fusion", "dialogue"):
        values[name] = None if values[name] is None else _leaf(values[name])
    values["training"] = _training(values["training"])
    return HeadSpec(**values)


def _training(described: Mapping[str, Any]) -> TrainingSpec:
    values = dict(described)
    for name, spec in (("curriculum", CurriculumSpec), ("raise_dropout", RaiseDropoutSpec)):
        values[name] = None if values[name] is None else spec(**values[name])
    values["augment"] = {name: AugmentSpec(**own) for name, own in values["augment"].items()}
    return TrainingSpec(**values)


def _leaf(described: Mapping[str, Any]) -> LeafSpec:
    options = dict(described)
    return LeafSpec(options.pop("code"), options)


def _leaves(described: Mapping[str, Any]) -> dict[str, LeafSpec]:
    return {name: _leaf(settings) for name, settings in described.items()}


def described_extraction(
    extract: ExtractSpec, backbones: Mapping[str, BackboneSpec]
) -> dict[str, Any]:
    """How the tracks of each modality are made, as plain JSON."""
    return {
        "extract": asdict(extract),
        "backbones": {
            modality: {
                "name": spec.name,
                "modality": spec.modality,
                "features": spec.features,
                "settings": spec.leaf.as_dict(),
            }
            for modality, spec in backbones.items()
        },
    }


def restored_extraction(
    described: Mapping[str, Any],
) -> tuple[ExtractSpec, dict[str, BackboneSpec]]:
    """The settings of extraction, and the backbone of each modality, that were described."""
    backbones = {
        modality: BackboneSpec(
            own["name"], own["modality"], _leaf(own["settings"]), own["features"]
        )
        for modality, own in described["backbones"].items()
    }
    return ExtractSpec(**described["extract"]), backbones
