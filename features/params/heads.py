"""Reads the entries of the section `heads`: every key bound to what its leaf file takes."""

from collections.abc import Mapping
from dataclasses import fields
from typing import Any, get_args

from features.binding import Parameter, bind, dataclass_parameters
from features.errors import quoted
from features.leaves import leaf_constant, leaf_names
from features.manifest import MODALITIES
from features.params.entries import Entries
from features.params.inputs import check_inputs
from features.params.networks import network_parameters, read_network
from features.specs.heads import (
    DEFAULT_PROTOCOL,
    METRICS,
    AnyHead,
    HeadSpec,
    ProbeSpec,
    ProtocolSpec,
    TrainedSpec,
)
from features.specs.tracks import LeafSpec
from features.specs.training import ChooseBy

CODES = ("network", "probe")
COMMON = [
    Parameter("code", str, "network"),
    Parameter("corpus", str),
    Parameter("inputs", dict[str, str]),
    Parameter("protocol", Any, DEFAULT_PROTOCOL),
    Parameter("tasks", dict[str, Any]),
]
SHARED = {field.name for field in fields(TrainedSpec)}
PROBE = [setting for setting in dataclass_parameters(ProbeSpec) if setting.name not in SHARED]


def read_head(entries: Entries, where: str, name: str, given: Any) -> AnyHead | None:
    """One head, its names checked against corpora, backbones and tracks."""
    code = given.get("code", "network") if isinstance(given, Mapping) else "network"
    if code not in CODES:
        entries.unknown(f"{where}.code is {code!r}", str(code), CODES, "codes of heads")
        return None
    own = network_parameters() if code == "network" else PROBE
    values = bind(where, given, [*COMMON, *own], entries.problems)
    if values is None:
        return None
    values.pop("code")
    # The order of modalities is part of what some fusions compute.
    values["inputs"] = dict(sorted(values["inputs"].items(), key=_place))
    entries.reference(f"{where}.corpus", values["corpus"], "corpora")
    check_inputs(entries, f"{where}.inputs", values["corpus"], values["inputs"])
    values["protocol"] = _protocol(entries, f"{where}.protocol", values["protocol"])
    values["tasks"] = _tasks(entries, f"{where}.tasks", values["tasks"], code == "network")
    _check_pairs(entries, f"{where}.tasks", values["tasks"], values.get("dialogue"), code)
    if code == "probe":
        _check_choice(entries, f"{where}.choose_by", values["choose_by"], values["tasks"])
        return ProbeSpec(name, **values)
    used = [m for m in MODALITIES if values["inputs"].get(m, "none") != "none"]
    read_network(entries, where, values, used)
    if values["training"] is not None:
        chosen = values["training"].choose_by
        _check_choice(entries, f"{where}.training.choose_by", chosen, values["tasks"])
    return HeadSpec(name, **values)


def _place(item: tuple[str, str]) -> int:
    return MODALITIES.index(item[0]) if item[0] in MODALITIES else len(MODALITIES)


def _protocol(entries: Entries, where: str, given: Any) -> ProtocolSpec | None:
    common = dataclass_parameters(ProtocolSpec)[1:]
    leaf = entries.leaf(where, given, "train/protocols", "folds", tuple(common))
    if leaf is None:
        return None
    options = dict(leaf.options)
    drawn = {setting.name: options.pop(setting.name) for setting in common}
    return ProtocolSpec(LeafSpec(leaf.code, options), **drawn)


def _check_choice(
    entries: Entries, where: str, choose_by: str, tasks: Mapping[str, LeafSpec]
) -> None:
    kinds = {leaf_constant("train/tasks", task, "KIND") for task in tasks}
    may_choose = get_args(ChooseBy)
    fitting = [m for kind in sorted(kinds) for m in METRICS[kind] if m in may_choose]
    if tasks and choose_by not in fitting:
        entries.problems.append(
            f"{where} is {choose_by!r}, which none of the tasks {quoted(tasks)} is scored by; "
            f"choose one of {quoted(fitting)}"
        )


def _check_pairs(
    entries: Entries, where: str, tasks: Mapping[str, Any], dialogue: Any, code: str
) -> None:
    """Pairs are of one dialogue: the head has to have whole ones."""
    for task in tasks:
        if leaf_constant("train/tasks", task, "KIND") != "pairs":
            continue
        if code == "probe":
            entries.problems.append(f"{where} names {task!r}, which a probe cannot learn")
        elif dialogue is None:
            entries.problems.append(
                f"{where} names {task!r}, which needs whole dialogues; add dialogue: {{code: "
                "recurrent}, or {code: none} for no context"
            )


def _tasks(
    entries: Entries, where: str, given: Mapping[str, Any], network: bool
) -> dict[str, LeafSpec]:
    if not given:
        known = quoted(leaf_names("train/tasks"))
        entries.problems.append(f"{where} is empty; name at least one of {known}")
    tasks = entries.named_leaves(where, given, "train/tasks", "Task", "tasks")
    entries.problems += [
        f"{where}.{name} has settings; a probe's tasks have none, write {name}: {{}}"
        for name in tasks
        if given[name] and not network
    ]
    return tasks
