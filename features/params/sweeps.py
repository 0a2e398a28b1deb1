"""Reads the entries of the section `sweeps`, each value of a space bound as in params.yaml."""

from collections.abc import Mapping
from copy import deepcopy
from typing import Any

from features.binding import Parameter, bind, dataclass_parameters
from features.errors import did_you_mean, quoted
from features.params.entries import Entries
from features.params.heads import read_head
from features.specs.sweeps import RangeSpec, SweepSpec

SETTINGS = [
    *[p for p in dataclass_parameters(SweepSpec) if p.name not in ("name", "space")],
    Parameter("space", dict[str, Any]),
]
# The same in every trial: these decide what is learned from what, not how well.
FIXED = ("corpus", "inputs", "tasks", "protocol", "training.seeds", "training.choose_by")


def read_sweep(entries: Entries, where: str, name: str, settings: Any) -> SweepSpec | None:
    """One sweep; the least and the greatest value of each setting are tried on the head."""
    values = bind(where, settings, SETTINGS, entries.problems)
    if values is None or not entries.has_entry(f"{where}.head", values["head"], "heads"):
        return None
    head = entries.raw_section("heads")[values["head"]]
    if not isinstance(head, Mapping) or head.get("code", "network") != "network":
        entries.problems.append(f"{where}.head is {values['head']!r}; it must be a network")
        return None
    space: dict[str, RangeSpec | list[Any]] = {}
    for path, raw_choices in values.pop("space").items():
        choices = _read_choices(entries, f"{where}.space.{path}", raw_choices)
        if choices is None or not _may_vary(entries, f"{where}.space", path, head):
            continue
        space[path] = choices
        ends = [choices.low, choices.high] if isinstance(choices, RangeSpec) else choices
        for value in ends:
            _try(entries, f"{where}.space", name, with_settings(head, {path: value}))
    if not space and not entries.problems:
        entries.problems.append(f"{where}.space is empty; name at least one setting")
    return SweepSpec(name, space=space, **values)


def with_settings(head: Mapping[str, Any], settings: Mapping[str, Any]) -> dict[str, Any]:
    """The raw settings of a head, with other values for some of them, by dotted path."""
    changed: dict[str, Any] = deepcopy(dict(head))
    for path, value in settings.items():
        *outer, last = path.split(".")
        mapping = changed
        for key in outer:
            mapping = mapping.setdefault(key, {})
        mapping[last] = value
    return changed


def _read_choices(entries: Entries, where: str, choices: Any) -> RangeSpec | list[Any] | None:
    if isinstance(choices, list) and choices:
        return choices
    if not isinstance(choices, Mapping):
        entries.problems.append(
            f"{where} is {choices!r}; it must be a list of values, or a range with low and high"
        )
        return None
    values = bind(where, choices, dataclass_parameters(RangeSpec), entries.problems)
    if values is None:
        return None
    numbers = RangeSpec(**values)
    if numbers.low >= numbers.high or (numbers.log and numbers.low <= 0):
        entries.problems.append(
            f"{where} runs from {numbers.low} to {numbers.high}; low must be less than high, and "
            "above 0 if log is true"
        )
        return None
    return numbers


def _may_vary(entries: Entries, where: str, path: str, head: Any) -> bool:
    """Whether a setting may differ from trial to trial, and the head has its mapping."""
    fixed = [n for n in FIXED if f"{path}.".startswith(f"{n}.") or n.startswith(f"{path}.")]
    if fixed:
        entries.problems.append(
            f"{where} names {path!r}; {quoted(FIXED)} must not vary between trials"
        )
        return False
    mapping = head
    for key in path.split(".")[:-1]:
        if not isinstance(mapping, Mapping) or not isinstance(mapping.get(key), Mapping):
            available = [name for name in mapping if isinstance(mapping[name], Mapping)]
            entries.problems.append(
                f"{where} names {path!r}, but the head has no mapping {key!r}; its mappings are "
                f"{quoted(available)}.{did_you_mean(key, available)}"
            )
            return False
        mapping = mapping[key]
    return True


def _try(entries: Entries, where: str, name: str, head: Mapping[str, Any]) -> None:
    """Note what is wrong with a head as one trial would have it."""
    trial = Entries(entries.raw)
    read_head(trial, where, name, head)
    entries.problems += [p for p in trial.problems if p not in entries.problems]
