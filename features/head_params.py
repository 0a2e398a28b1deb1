"""Reads the entries of the section `heads`: every key bound to what its leaf file takes."""

from collections.abc import Mapping
from typing import Any

from features.binding import Parameter, bind, dataclass_parameters, within
from features.entries import Entries
from features.errors import quoted
from features.leaves import backbone_modality, leaf_names
from features.manifest import MODALITIES
from features.specs import HeadSpec, LeafSpec, TrainingSpec

HEAD_PARTS = {
    "temporal": ("train/temporal", "Temporal"),
    "pooling": ("train/pooling", "Pooling"),
    "fusion": ("train/fusions", "Fusion"),
}
WANTED = [
    Parameter("corpus", str),
    Parameter("inputs", dict[str, str]),
    Parameter("dim", int, 128, within(1, None)),
    Parameter("dropout", float, 0.1, lambda value: None if 0 <= value < 1 else "in [0, 1)"),
    *(Parameter(part, Any) for part in HEAD_PARTS),
    Parameter("tasks", dict[str, Any]),
    Parameter("training", Any),
]


def read_head(entries: Entries, where: str, name: str, given: Any) -> HeadSpec | None:
    """One head, its names checked against corpora, backbones and tracks."""
    values = bind(where, given, WANTED, entries.problems)
    if values is None:
        return None
    entries.reference(f"{where}.corpus", values["corpus"], "corpora")
    _check_inputs(entries, f"{where}.inputs", values["corpus"], values["inputs"])
    for part, (folder, symbol) in HEAD_PARTS.items():
        values[part] = entries.leaf(f"{where}.{part}", values[part], folder, symbol)
    values["tasks"] = _tasks(entries, f"{where}.tasks", values["tasks"])
    training = bind(
        f"{where}.training",
        values["training"],
        dataclass_parameters(TrainingSpec),
        entries.problems,
    )
    values["training"] = TrainingSpec(**training) if training else None
    return HeadSpec(name, **values)


def _tasks(entries: Entries, where: str, given: Mapping[str, Any]) -> dict[str, LeafSpec | None]:
    known = leaf_names("train/tasks")
    if not given:
        entries.problems.append(f"{where} is empty; name at least one of {quoted(known)}")
    tasks: dict[str, LeafSpec | None] = {}
    for name, options in given.items():
        if name not in known:
            entries.unknown(f"{where} names {name!r}", name, known, "tasks")
        elif not isinstance(options, Mapping | None):
            entries.problems.append(
                f"{where}.{name} is {options!r}; it must be a mapping of settings, {{}} for none"
            )
        else:
            if options and "code" in options:
                entries.problems.append(
                    f"{where}.{name} has no setting 'code'; its name is its code"
                )
            settings = {**(options or {}), "code": name}
            tasks[name] = entries.leaf(f"{where}.{name}", settings, "train/tasks", "Task")
    return tasks


def _check_inputs(entries: Entries, where: str, corpus: str, inputs: Mapping[str, str]) -> None:
    for modality in MODALITIES:
        if modality not in inputs:
            entries.problems.append(f"{where}.{modality} is missing; 'none' switches it off")
    for name, backbone in inputs.items():
        if name not in MODALITIES:
            entries.unknown(f"{where} names {name!r}", name, MODALITIES, "modalities")
        elif backbone != "none":
            _check_input(entries, f"{where}.{name}", corpus, name, backbone)
    if all(backbone == "none" for backbone in inputs.values()):
        entries.problems.append(f"{where} switches every modality off; name at least one backbone")


def _check_input(entries: Entries, where: str, corpus: str, modality: str, backbone: str) -> None:
    fitting = _backbones_of(entries, modality)
    if backbone not in fitting:
        entries.unknown(f"{where} is {backbone!r}", backbone, fitting, f"{modality} backbones")
    elif {"corpus": corpus, "backbone": backbone} not in entries.given("tracks").values():
        entries.problems.append(
            f"{where} is {backbone!r}, but no track makes it for the corpus {corpus!r}; add "
            f"under tracks: {corpus}-{backbone}: {{corpus: {corpus}, backbone: {backbone}}}"
        )


def _backbones_of(entries: Entries, modality: str) -> list[str]:
    known = leaf_names("extract/backbones")
    return [
        str(name)
        for name, spec in entries.given("backbones").items()
        if isinstance(spec, Mapping)
        and spec.get("code") in known
        and backbone_modality(spec["code"], spec) == modality
    ]
