"""Reads the entries of the section `ensembles`: several heads put together."""

from collections.abc import Mapping
from typing import Any

from features.binding import Parameter, bind
from features.errors import quoted
from features.leaves import leaf_constant, leaf_names
from features.params.entries import Entries
from features.specs.ensembles import Combine, EnsembleSpec

SETTINGS = [Parameter("heads", list[str]), Parameter("combine", Combine, "weights")]
# What all heads of an ensemble must share, so that they were tested on the same utterances.
SHARED = ("corpus", "protocol")


def read_ensemble(entries: Entries, where: str, name: str, settings: Any) -> EnsembleSpec | None:
    """One ensemble; its heads must have one corpus, protocol and tasks."""
    values = bind(where, settings, SETTINGS, entries.problems)
    if values is None:
        return None
    for section in ("heads", "continued", "transfers"):
        if name in entries.raw_section(section):
            entries.problems.append(
                f"{where} is also the name of an entry in {section}; both write runs/{name}, "
                "rename it"
            )
    names = values["heads"]
    if len(set(names)) < 2 or len(set(names)) < len(names):
        entries.problems.append(f"{where}.heads is {names!r}; it must name two or more heads, once")
        return None
    heads = {**entries.raw_section("heads"), **entries.raw_section("continued")}
    for head in names:
        if head not in heads:
            entries.note_unknown(f"{where}.heads names {head!r}", head, heads, "heads")
            return None
    _check_shared(entries, where, {head: heads[head] for head in names}, values["combine"])
    return EnsembleSpec(name, **values)


def _check_shared(entries: Entries, where: str, heads: Mapping[str, Any], combine: Combine) -> None:
    raw = [head if isinstance(head, Mapping) else {} for head in heads.values()]
    for setting in SHARED:
        for name, head in zip(heads, raw, strict=True):
            if head.get(setting) != raw[0].get(setting):
                entries.problems.append(
                    f"{where}.heads: {name!r} has another {setting} than {next(iter(heads))!r}; "
                    "heads can be put together where they were tested on the same utterances"
                )
    tasks = [set(own) if isinstance(own := head.get("tasks"), Mapping) else set() for head in raw]
    shared = set.intersection(*tasks)
    if not shared:
        entries.problems.append(
            f"{where}.heads {quoted(heads)} have no task in common; name heads with the same tasks"
        )
    pairs = [task for task in shared if task in leaf_names("train/tasks")]
    if combine == "stacking" and any(
        leaf_constant("train/tasks", task, "KIND") == "pairs" for task in pairs
    ):
        entries.problems.append(
            f"{where}.combine is 'stacking', which pairs of utterances cannot be learned by; "
            "choose 'weights' or 'mean'"
        )
