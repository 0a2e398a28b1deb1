"""Loads the upper layers of frozen networks for heads that tune them."""

from collections.abc import Mapping
from typing import Any

from app.paths import manifest_path
from features.errors import ProjectError
from features.leaves import leaf_constant
from features.manifest import read_utterances
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
    head: AnyHead, corpus: str, backbones: Mapping[str, BackboneSpec], stores: Mapping[str, Store]
) -> dict[str, Any]:
    """The upper layers of each modality that the head tunes, for the `stores` of a corpus.

    `backbones` are the settings by name. Raises ProjectError where the network is not the one that
    the tracks were made with, where it has no such layers, and where a track is not what the
    network makes of an utterance in one piece.
    """
    modalities = tuned_modalities(head)
    if not modalities:
        return {}
    refuse_segments(head, corpus)
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
    # As it was extracted, which params.yaml may no longer say.
    options = store.attributes["backbone"]
    if options.get("context_turns") and not options.get("keep_context"):
        raise ProjectError(
            f"{where}: the layers of {spec.name!r} need the tokens of earlier turns as well, which "
            "its tracks do not have; give the backbone 'keep_context: true'"
        )
    if layers != [first]:
        raise ProjectError(
            f"{where}.from is {first}, and the tracks of {spec.name!r} hold the layers {layers}; "
            f"give the backbone 'layers: [{first}]'"
        )
    if not options.get("special_tokens", True):
        raise ProjectError(
            f"{where}: the layers of {spec.name!r} need the special tokens, which its tracks do "
            "not have; give the backbone 'special_tokens: true'"
        )


def refuse_segments(head: AnyHead, corpus: str) -> None:
    """Raise ProjectError where an utterance is made of segments, each of which was encoded alone:
    layers above would read across their borders, as the network does not."""
    names = [each.id for each in read_utterances(manifest_path(corpus)) if each.segments]
    if names:
        raise ProjectError(
            f"{head.where}.temporal: {corpus} has utterances that are made of segments "
            f"({len(names)}; {names[0]!r} is the first), and a network's layers cannot be tuned on "
            "tracks concatenated from segments; choose another temporal encoder"
        )


def upper_of(backbone: Any, head: AnyHead, modality: str) -> Any:
    """The layers of a loaded backbone that a head tunes."""
    assert isinstance(head, HeadSpec)
    if not hasattr(backbone, "upper"):
        raise ProjectError(
            f"{head.where}.temporal.{modality}: the backbone {head.inputs[modality]!r} has no "
            "layers that can be tuned; hf-text and the wav2vec 2.0 family have such layers"
        )
    try:
        return backbone.upper(head.temporal[modality].options["from"])
    except ProjectError as error:
        raise ProjectError(f"{head.where}.temporal.{modality}: {error}") from None
