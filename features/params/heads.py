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
    Standardise,
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
    Parameter("standardise", dict[str, Standardise], {}),
    Parameter("tasks", dict[str, Any]),
]
SHARED = {field.name for field in fields(TrainedSpec)}
PROBE = [setting for setting in dataclass_parameters(ProbeSpec) if setting.name not in SHARED]


def read_head(entries: Entries, where: str, name: str, settings: Any) -> AnyHead | None:
    """One head, its names checked against corpora, backbones and tracks."""
    code = settings.get("code", "network") if isinstance(settings, Mapping) else "network"
    if code not in CODES:
        entries.note_unknown(f"{where}.code is {code!r}", str(code), CODES, "codes of heads")
        return None
    own = network_parameters() if code == "network" else PROBE
    values = bind(where, settings, [*COMMON, *own], entries.problems)
    if values is None:
        return None
    values.pop("code")
    # The order of modalities changes what some fusions compute.
    values["inputs"] = dict(sorted(values["inputs"].items(), key=_modality_order))
    entries.has_entry(f"{where}.corpus", values["corpus"], "corpora")
    check_inputs(entries, f"{where}.inputs", values["corpus"], values["inputs"])
    used = [m for m in MODALITIES if values["inputs"].get(m, "none") != "none"]
    entries.problems += [
        f"{where}.standardise names {name!r}; the head reads {quoted(used)}"
        for name in values["standardise"]
        if name not in used
    ]
    values["protocol"] = _protocol(entries, f"{where}.protocol", values["protocol"])
    values["tasks"] = _tasks(entries, f"{where}.tasks", values["tasks"], code == "network")
    _check_pairs(entries, f"{where}.tasks", values["tasks"], values.get("dialogue"), code)
    if code == "probe":
        _check_choice(entries, f"{where}.choose_by", values["choose_by"], values["tasks"])
        return ProbeSpec(name, **values)
    read_network(entries, where, values, used)
    if values["training"] is not None:
        choose_by = values["training"].choose_by
        _check_choice(entries, f"{where}.training.choose_by", choose_by, values["tasks"])
    return HeadSpec(name, **values)


def _modality_order(item: tuple[str, str]) -> int:
    return MODALITIES.index(item[0]) if item[0] in MODALITIES else len(MODALITIES)


def _protocol(entries: Entries, where: str, settings: Any) -> ProtocolSpec | None:
    common = dataclass_parameters(ProtocolSpec)[1:]
    leaf = entries.read_leaf(where, settings, "train/protocols", "folds", tuple(common))
    if leaf is None:
        return None
    options = dict(leaf.options)
    dev_settings = {setting.name: options.pop(setting.name) for setting in common}
    return ProtocolSpec(LeafSpec(leaf.code, options), **dev_settings)


def _check_choice(
    entries: Entries, where: str, choose_by: str, tasks: Mapping[str, LeafSpec]
) -> None:
    kinds = {leaf_constant("train/tasks", task, "KIND") for task in tasks}
    allowed = get_args(ChooseBy)
    metrics = [m for kind in sorted(kinds) for m in METRICS[kind] if m in allowed]
    if tasks and choose_by not in metrics:
        entries.problems.append(
            f"{where} is {choose_by!r}, not a metric of the tasks {quoted(tasks)}; "
            f"choose one of {quoted(metrics)}"
        )


def _check_pairs(
    entries: Entries, where: str, tasks: Mapping[str, Any], dialogue: Any, code: str
) -> None:
    """Both utterances of a pair are of one dialogue, so the head must read whole dialogues."""
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
    entries: Entries, where: str, settings_by_task: Mapping[str, Any], is_network: bool
) -> dict[str, LeafSpec]:
    if not settings_by_task:
        available = quoted(leaf_names("train/tasks"))
        entries.problems.append(f"{where} is empty; name at least one of {available}")
    tasks = entries.read_named_leaves(where, settings_by_task, "train/tasks", "Task", "tasks")
    entries.problems += [
        f"{where}.{name} has settings; a probe's tasks take none, so write {name}: {{}}"
        for name in tasks
        if settings_by_task[name] and not is_network
    ]
    return tasks
