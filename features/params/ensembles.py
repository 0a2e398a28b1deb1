"""Reads the entries of the section `ensembles`: several heads combined."""

from collections.abc import Mapping
from typing import Any

from features.binding import Parameter, bind
from features.errors import quoted
from features.leaves import leaf_constant
from features.params.entries import Entries
from features.params.heads import read_head
from features.specs.ensembles import Adjust, Combine, EnsembleSpec

SETTINGS = [
    Parameter("heads", list[str]),
    Parameter("combine", Combine, "weights"),
    Parameter("imbalance", Adjust, "none"),
]
# What all heads of an ensemble must share, so that they were tested on the same utterances.
SHARED = ("corpus", "protocol")


def read_ensemble(entries: Entries, where: str, name: str, settings: Any) -> EnsembleSpec | None:
    """One ensemble; its heads must share a corpus, a protocol and at least one task."""
    values = bind(where, settings, SETTINGS, entries.problems)
    if values is None:
        return None
    for section in ("heads", "continued", "distilled", "transfers"):
        if name in entries.raw_section(section):
            entries.problems.append(
                f"{where} is also the name of an entry in {section}; both write runs/{name}, "
                "so rename one of them"
            )
    names = values["heads"]
    if len(set(names)) < 2 or len(set(names)) < len(names):
        entries.problems.append(
            f"{where}.heads is {names!r}; it must name two or more different heads"
        )
        return None
    sections = ("heads", "continued", "distilled")
    heads = {k: v for section in sections for k, v in entries.raw_section(section).items()}
    for head in names:
        if head not in heads:
            entries.note_unknown(f"{where}.heads names {head!r}", head, heads, "heads")
            return None
    _check_shared(entries, where, {head: heads[head] for head in names}, values)
    return EnsembleSpec(name, **values)


def _check_shared(
    entries: Entries, where: str, heads: Mapping[str, Any], values: Mapping[str, Any]
) -> None:
    specs = []
    for name, raw in heads.items():
        own = {k: v for k, v in raw.items() if k != "start"} if isinstance(raw, Mapping) else raw
        # Problems of a head are reported in its own section.
        specs.append(read_head(Entries(entries.raw), f"heads.{name}", name, own))
    if any(spec is None for spec in specs):
        return
    right = [spec for spec in specs if spec is not None]
    for setting in SHARED:
        for spec in right[1:]:
            if getattr(spec, setting) != getattr(right[0], setting):
                entries.problems.append(
                    f"{where}.heads: {spec.name!r} and {right[0].name!r} differ in {setting}; "
                    "heads can be combined only if they were tested on the same utterances"
                )
    shared = set.intersection(*(set(spec.tasks) for spec in right))
    if not shared:
        entries.problems.append(
            f"{where}.heads {quoted(heads)} have no task in common; name heads with the same tasks"
        )
    kinds = {leaf_constant("train/tasks", task, "KIND") for task in shared}
    if values["imbalance"] != "none" and shared and "classes" not in kinds:
        entries.problems.append(
            f"{where}.imbalance is {values['imbalance']!r}, which needs a task with classes, but "
            f"the heads share {quoted(shared)}; leave it out"
        )
    if values["combine"] == "stacking" and "pairs" in kinds:
        entries.problems.append(
            f"{where}.combine is 'stacking', which does not work for pairs of utterances; choose "
            "'weights' or 'mean'"
        )
