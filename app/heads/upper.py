"""Loads the upper layers of frozen networks for heads that tune them."""

from collections.abc import Mapping
from typing import Any

from features.errors import ProjectError
from features.leaves import leaf_constant
from features.specs.heads import AnyHead, HeadSpec
from features.specs.tracks import BackboneSpec
from features.store.reader import Store


def tuned_modalities(head: AnyHead) -> list[str]:
    """The modalities whose temporal encoder is made of the frozen network's own layers."""
    if not isinstance(head, HeadSpec):
        return []
    return [
        modality
        for modality, leaf in head.temporal.items()
        if leaf_constant("train/temporal", leaf.code, "TAKES_NETWORK", False)
    ]


def networks_of(
    head: AnyHead, backbones: Mapping[str, BackboneSpec], stores: Mapping[str, Store]
) -> dict[str, Any]:
    """The upper layers of each modality that the head tunes, for tracks of `stores`.

    `backbones` are the settings by name. Raises ProjectError where the network is not the one that
    the tracks were made with, or has no such layers.
    """
    modalities = tuned_modalities(head)
    if not modalities:
        return {}
    from extract.fill.fill import load_fitting
    from extract.network.compute import CPU

    networks = {}
    for modality in modalities:
        spec, store = backbones[head.inputs[modality]], stores[modality]
        refuse_other_states(head, modality, spec, store)
        backbone = load_fitting(spec, CPU)
        stated = store.attributes["backbone"].get("weights_digest")
        if backbone.weights_digest != stated:
            raise ProjectError(
                f"{store.path} was made with other weights than those of the backbone "
                f"{spec.name!r}; run 'dvc repro'"
            )
        networks[modality] = upper_of(backbone, head, modality)
    return networks


def refuse_other_states(head: AnyHead, modality: str, spec: BackboneSpec, store: Store) -> None:
    """Raise ProjectError where a store does not hold what the upper layers continue from."""
    assert isinstance(head, HeadSpec)
    where, layers = f"{head.where}.temporal.{modality}", store.attributes["layers"]
    first = head.temporal[modality].options["from"]
    if layers != [first]:
        raise ProjectError(
            f"{where}.from is {first}, and the tracks of {spec.name!r} hold the layers {layers}; "
            f"give the backbone 'layers: [{first}]'"
        )
    if not spec.leaf.options.get("special_tokens", True):
        raise ProjectError(
            f"{where}: the layers of {spec.name!r} need the special tokens, which its tracks do "
            "not have; give the backbone 'special_tokens: true'"
        )


def upper_of(backbone: Any, head: AnyHead, modality: str) -> Any:
    """The layers of a loaded backbone that a head tunes."""
    assert isinstance(head, HeadSpec)
    if not hasattr(backbone, "upper"):
        raise ProjectError(
            f"{head.where}.temporal.{modality}: the backbone {head.inputs[modality]!r} has no "
            "layers that can be tuned; those of hf-text and of the wav2vec 2.0 family have"
        )
    try:
        return backbone.upper(head.temporal[modality].options["from"])
    except ProjectError as error:
        raise ProjectError(f"{head.where}.temporal.{modality}: {error}") from None
