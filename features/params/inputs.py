"""Checks which backbone a head reads for each modality, over which corpus."""

from collections.abc import Mapping
from typing import Any

from features.leaves import backbone_modality, leaf_names
from features.manifest import MODALITIES
from features.params.entries import Entries


def check_inputs(entries: Entries, where: str, corpus: str, inputs: Mapping[str, str]) -> None:
    """Note missing modalities, backbones of another modality, and backbones without a track."""
    for modality in MODALITIES:
        if modality not in inputs:
            entries.problems.append(f"{where}.{modality} is missing; 'none' switches it off")
    for name, backbone in inputs.items():
        if name not in MODALITIES:
            entries.note_unknown(f"{where} names {name!r}", name, MODALITIES, "modalities")
        elif backbone != "none":
            _check_input(entries, f"{where}.{name}", corpus, name, backbone)
    if all(backbone == "none" for backbone in inputs.values()):
        entries.problems.append(f"{where} switches every modality off; name at least one backbone")


def _check_input(entries: Entries, where: str, corpus: str, modality: str, backbone: str) -> None:
    available = _backbones_of(entries, modality)
    if backbone not in available:
        entries.note_unknown(
            f"{where} is {backbone!r}", backbone, available, f"{modality} backbones"
        )
    elif {"corpus": corpus, "backbone": backbone} not in entries.raw_section("tracks").values():
        entries.problems.append(
            f"{where} is {backbone!r}, but no track runs it over the corpus {corpus!r}; add "
            f"under tracks: {corpus}-{backbone}: {{corpus: {corpus}, backbone: {backbone}}}"
        )


def _fitting(spec: Mapping[str, Any], modality: str) -> tuple[str | None, ...]:
    """A file of features that does not name its modality may have any."""
    return (modality, None) if spec.get("path") and "modality" not in spec else (modality,)


def _backbones_of(entries: Entries, modality: str) -> list[str]:
    codes = leaf_names("extract/backbones")
    return [
        str(name)
        for name, spec in entries.raw_section("backbones").items()
        if isinstance(spec, Mapping)
        and spec.get("code") in codes
        and backbone_modality(spec["code"], spec) in _fitting(spec, modality)
    ]
