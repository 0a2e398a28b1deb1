"""Reads the entries of the section `sweeps`, each value of a space bound as in params.yaml."""

from collections.abc import Mapping
from copy import deepcopy
from typing import Any

from features.binding import Parameter, bind, dataclass_parameters
from features.errors import did_you_mean, quoted
from features.params.entries import Entries
from features.params.heads import read_head
from features.specs.sweeps import RangeSpec, SweepSpec

OWN = [p for p in dataclass_parameters(SweepSpec) if p.name not in ("name", "space")]
# What every trial has in common: it decides what is learned from what, not how well.
FIXED = ("corpus", "inputs", "tasks", "protocol", "training.seeds", "training.choose_by")


def read_sweep(entries: Entries, where: str, name: str, given: Any) -> SweepSpec | None:
    """One sweep; the least and the greatest value of each setting are tried on the head."""
    values = bind(where, given, [*OWN, Parameter("space", dict[str, Any])], entries.problems)
    if values is None or not entries.reference(f"{where}.head", values["head"], "heads"):
        return None
    head = entries.given("heads")[values["head"]]
    if not isinstance(head, Mapping) or head.get("code", "network") != "network":
        entries.problems.append(f"{where}.head is {values['head']!r}; it must be a network")
        return None
    space: dict[str, RangeSpec | list[Any]] = {}
    for path, choices in values.pop("space").items():
        read = _choices(entries, f"{where}.space.{path}", choices)
        if read is None or not _allowed(entries, f"{where}.space", path, head):
            continue
        space[path] = read
        ends = [read.low, read.high] if isinstance(read, RangeSpec) else read
        for value in ends:
            _try(entries, f"{where}.space", name, with_settings(head, {path: value}))
    if not space and not entries.problems:
        entries.problems.append(f"{where}.space is empty; name one setting at least")
    return SweepSpec(name, space=space, **values)


def with_settings(head: Mapping[str, Any], settings: Mapping[str, Any]) -> dict[str, Any]:
    """What is written of a head, with other values for some settings, by dotted path."""
    changed: dict[str, Any] = deepcopy(dict(head))
    for path, value in settings.items():
        *folders, last = path.split(".")
        place = changed
        for folder in folders:
            place = place.setdefault(folder, {})
        place[last] = value
    return changed


def _choices(entries: Entries, where: str, given: Any) -> RangeSpec | list[Any] | None:
    if isinstance(given, list) and given:
        return given
    if not isinstance(given, Mapping):
        entries.problems.append(
            f"{where} is {given!r}; it must be a list of values, or a range with low and high"
        )
        return None
    values = bind(where, given, dataclass_parameters(RangeSpec), entries.problems)
    if values is None:
        return None
    found = RangeSpec(**values)
    if found.low >= found.high or (found.log and found.low <= 0):
        entries.problems.append(
            f"{where} runs from {found.low} to {found.high}; low must be less than high, and above "
            "0 where log is true"
        )
        return None
    return found


def _allowed(entries: Entries, where: str, path: str, head: Any) -> bool:
    """Whether a setting may differ from trial to trial, and leads somewhere in the head."""
    fixed = [n for n in FIXED if f"{path}.".startswith(f"{n}.") or n.startswith(f"{path}.")]
    if fixed:
        entries.problems.append(
            f"{where} names {path!r}; what is learned and chosen by is the same in every trial"
        )
        return False
    place = head
    for folder in path.split(".")[:-1]:
        if not isinstance(place, Mapping) or not isinstance(place.get(folder), Mapping):
            known = [key for key in place if isinstance(place[key], Mapping)]
            entries.problems.append(
                f"{where} names {path!r}, and the head has no mapping {folder!r}; its mappings are "
                f"{quoted(known)}.{did_you_mean(folder, known)}"
            )
            return False
        place = place[folder]
    return True


def _try(entries: Entries, where: str, name: str, head: Mapping[str, Any]) -> None:
    """Note what is wrong with a head as one trial would have it."""
    trial = Entries(entries.raw)
    read_head(trial, where, name, head)
    entries.problems += [p for p in trial.problems if p not in entries.problems]
