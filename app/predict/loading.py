"""Loads the networks of a model, and refuses what is not the network that it was trained on."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

from app.bundles.read import Model
from app.heads.upper import tuned_modalities, upper_of
from extract.fill.fill import load_fitting
from extract.network.backbone import Backbone
from extract.network.compute import CPU, Compute
from extract.plan.recipe import described_backbone
from features.errors import ProjectError
from features.runs.restored import restored_head
from features.specs.tracks import BackboneSpec


@contextmanager
def readable(model: Model) -> Iterator[None]:
    """Say in one line that a bundle's record is not as this version writes it."""
    try:
        yield
    except (AttributeError, ImportError, KeyError, RuntimeError, TypeError, ValueError) as error:
        if not model.is_bundle:
            raise
        raise ProjectError(
            f"{model.name}: this version cannot restore the bundle "
            f"({type(error).__name__}: {' '.join(str(error).split())[:200]}); use the version that "
            "wrote it"
        ) from None


def refuse_ready_made(name: str, backbones: Mapping[str, BackboneSpec]) -> None:
    """Raise ProjectError where all that a head reads are files of features."""
    ready_made = [spec.features for spec in backbones.values() if spec.features is not None]
    if len(ready_made) == len(backbones):
        raise ProjectError(
            f"{name} reads ready-made features ({', '.join(map(str, ready_made))}), which a new "
            "clip does not have; train a head on backbones that read media or text"
        )


def loaded_backbone(model: Model, modality: str, spec: BackboneSpec, compute: Compute) -> Backbone:
    """The network of a modality; ProjectError that names it where it is absent or another one."""
    carried = model.carried.get(modality)
    if carried is not None:
        options = {**spec.leaf.options, "checkpoint": str(carried), "revision": None}
        options = {name: value for name, value in options.items() if name in spec.leaf.options}
        spec = replace(spec, leaf=replace(spec.leaf, options=options))
    try:
        backbone = load_fitting(spec, compute)
    except ProjectError as error:
        raise ProjectError(
            f"{model.name}: its {modality} backbone {spec.name!r} cannot be loaded: {error}"
        ) from None
    _check_same(model, modality, spec, backbone)
    return backbone


def tuned_networks(model: Model, backbones: Mapping[str, BackboneSpec]) -> dict[str, Any]:
    """The upper layers that the heads of a model tune, by modality."""
    head = restored_head(model.record["head"])
    return {
        name: upper_of(loaded_backbone(model, name, backbones[name], CPU), head, name)
        for name in tuned_modalities(head)
    }


def _check_same(model: Model, modality: str, spec: BackboneSpec, backbone: Backbone) -> None:
    """Raise ProjectError where the network is not the one that the heads were trained on."""
    trained = model.record["stores"][modality]["backbone"]
    now = described_backbone(backbone, spec)
    for name in ("weights_digest", "version", "face_detector"):
        if trained.get(name) != now.get(name):
            raise ProjectError(
                f"{model.name}: its {modality} backbone {spec.name!r} is not the one that it was "
                f"trained on ({name.replace('_', ' ')} {now.get(name)}, trained on "
                f"{trained.get(name)}); restore that network, or extract and train again"
            )
