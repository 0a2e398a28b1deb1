"""Reads the settings of a head that is a network: its modules, its objectives, its training."""

from collections.abc import Mapping, Sequence
from typing import Any

from features.binding import Parameter, dataclass_parameters, within
from features.errors import quoted
from features.leaves import leaf_constant
from features.manifest import MODALITIES
from features.params.entries import Entries
from features.params.training import read_training
from features.specs.heads import DISTIL, HeadSpec, TrainedSpec
from features.specs.tracks import LeafSpec

# A layer of this width has 268 million weights.
MAX_WIDTH = 16384
CHECKS = {
    "dim": within(1, MAX_WIDTH),
    "hidden": within(1, MAX_WIDTH),
    "dropout": lambda value: None if 0 <= value < 1 else "in [0, 1)",
}
# Mappings that are not bound here: each is read by a function of its own.
LEAVES = ("temporal", "pooling", "fusion", "dialogue", "training", "objectives")


def network_parameters() -> list[Parameter]:
    """The settings of a network that a probe does not have."""
    shared = {parameter.name for parameter in dataclass_parameters(TrainedSpec)}
    return [
        Parameter(
            p.name,
            Any if p.name in LEAVES else p.hint,
            p.default,
            CHECKS.get(p.name),
        )
        for p in dataclass_parameters(HeadSpec)
        if p.name not in shared
    ]


def read_network(
    entries: Entries, where: str, values: dict[str, Any], modalities: Sequence[str]
) -> None:
    """Replace the raw settings of a network's modules by specs, and check them."""
    for name, symbol in (("temporal", "Temporal"), ("pooling", "Pooling")):
        values[name] = _by_modality(entries, f"{where}.{name}", values[name], symbol, modalities)
    _check_bins(entries, f"{where}.bins", values["bins"], modalities)
    values["fusion"] = entries.read_leaf(
        f"{where}.fusion", values["fusion"], "train/fusions", "Fusion"
    )
    if values["dialogue"] is not None:
        values["dialogue"] = entries.read_leaf(
            f"{where}.dialogue", values["dialogue"], "train/dialogues", "Dialogue"
        )
    values["objectives"] = entries.read_named_leaves(
        f"{where}.objectives", values["objectives"], "train/objectives", "Objective", "objectives"
    )
    values["training"] = read_training(entries, where, values, modalities)
    _check_fusion(entries, where, values, modalities)
    _check_heads(entries, where, values)
    for name in values["objectives"]:
        _check_modalities(entries, f"{where}.objectives", "train/objectives", name, modalities)
    if values["training"] is not None and values["training"].mixup:
        _check_mixup(entries, where, values)
    _check_tuned(entries, where, values)
    if DISTIL in values["objectives"] and not where.startswith("distilled."):
        entries.problems.append(
            f"{where}.objectives names {DISTIL!r}, which needs another head to be trained first; "
            "move this head to the section 'distilled', so that DVC knows"
        )


def _check_mixup(entries: Entries, where: str, values: Mapping[str, Any]) -> None:
    mixup = f"{where}.training.mixup is {values['training'].mixup:g}"
    if values["dialogue"] is not None:
        entries.problems.append(
            f"{mixup}, but a head that reads dialogues cannot mix utterances; leave one out"
        )
    if values["objectives"]:
        entries.problems.append(
            f"{mixup}, but the objectives {quoted(values['objectives'])} need unmixed utterances; "
            "leave one out"
        )


def _check_tuned(entries: Entries, where: str, values: Mapping[str, Any]) -> None:
    """Upper layers of a frozen network continue from states as they are stored."""
    training = values["training"]
    for name, leaf in values["temporal"].items():
        if not leaf_constant("train/temporal", leaf.code, "TAKES_NETWORK", False):
            continue
        bins = values["bins"]
        changed = {
            "bins": bins.get(name) if isinstance(bins, Mapping) else bins,
            "standardise": values.get("standardise", {}).get(name),
            "training.augment": training is not None and name in training.augment,
            "training.mixup": training is not None and training.mixup,
        }
        entries.problems += [
            f"{where}.{setting} changes the {name} steps, but {where}.temporal.{name} "
            f"({leaf.code}) needs them as they are stored; leave one out"
            for setting, is_set in changed.items()
            if is_set
        ]


def _by_modality(
    entries: Entries, where: str, settings: Any, symbol: str, modalities: Sequence[str]
) -> dict[str, LeafSpec]:
    """One leaf for every modality, or one for each of them."""
    folder = f"train/{where.rsplit('.', 1)[1]}"
    if not isinstance(settings, Mapping) or not settings or not set(settings) <= set(MODALITIES):
        leaf = entries.read_leaf(where, settings, folder, symbol)
        return {} if leaf is None else dict.fromkeys(modalities, leaf)
    leaves = {}
    for name, own_settings in settings.items():
        if name not in modalities:
            entries.problems.append(f"{where} names {name!r}, which the inputs switch off")
        elif leaf := entries.read_leaf(f"{where}.{name}", own_settings, folder, symbol):
            leaves[name] = leaf
    entries.problems += [
        f"{where}.{name} is missing; give one for every modality in use, or one for all"
        for name in modalities
        if name not in settings
    ]
    return leaves


def _check_fusion(
    entries: Entries, where: str, values: Mapping[str, Any], modalities: Sequence[str]
) -> None:
    fusion = values["fusion"]
    if fusion is None:
        return
    _check_modalities(entries, f"{where}.fusion", "train/fusions", fusion.code, modalities)
    poolings = {leaf.code for leaf in values["pooling"].values()}
    if leaf_constant("train/fusions", fusion.code, "ONE_POOLING", False) and len(poolings) > 1:
        entries.problems.append(
            f"{where}.pooling differs between modalities, but the fusion {fusion.code!r} pools "
            "them together; give one pooling for all"
        )


def _check_bins(entries: Entries, where: str, bins: Any, modalities: Sequence[str]) -> None:
    for name, count in (bins if isinstance(bins, Mapping) else {"": bins}).items():
        if name and name not in modalities:
            entries.problems.append(f"{where} names {name!r}, which the inputs switch off")
        if count is not None and count < 1:
            entries.problems.append(f"{where} is {bins!r}; it must be at least 1")


def _check_heads(entries: Entries, where: str, values: Mapping[str, Any]) -> None:
    """A width must be a multiple of the number of attention heads that share it."""
    leaves = [("fusion", values["fusion"])]
    leaves += [(name, leaf) for name in ("temporal", "pooling") for leaf in values[name].values()]
    num_heads = {(name, leaf.options.get("heads", 1)) for name, leaf in leaves if leaf is not None}
    shared = [("dim", values["dim"], name, heads) for name, heads in sorted(num_heads)]
    if values["dialogue"] is not None:
        width = "dim" if values["hidden"] is None else "hidden"
        shared.append(
            (width, values[width], "dialogue", values["dialogue"].options.get("heads", 1))
        )
    entries.problems += [
        f"{where}.{width} is {value}; it must be a multiple of {name}.heads, {heads}"
        for width, value, name, heads in shared
        if value % heads
    ]


def _check_modalities(
    entries: Entries, where: str, folder: str, code: str, modalities: Sequence[str]
) -> None:
    fewest = leaf_constant(folder, code, "MIN_MODALITIES", 1)
    if len(modalities) < fewest:
        entries.problems.append(
            f"{where} is {code!r}, which needs {fewest} modalities; the inputs switch on "
            f"{quoted(modalities)}"
        )
