"""Reads the entries of the section `distilled`: heads that learn from another head's answers."""

from collections.abc import Mapping
from typing import Any

from features.params.entries import Entries
from features.params.heads import read_head
from features.specs.heads import DISTIL, AnyHead, HeadSpec


def read_distilled(entries: Entries, where: str, name: str, written: Any) -> HeadSpec | None:
    """A head as under `heads`, with the objective `distil`, whose `from` is one of those."""
    for section in ("heads", "continued", "transfers"):
        if name in entries.raw_section(section):
            entries.problems.append(
                f"{where} is also the name of an entry in {section}; both write runs/{name}, "
                "so rename one of them"
            )
    objectives = written.get("objectives") if isinstance(written, Mapping) else None
    distil = objectives.get(DISTIL) if isinstance(objectives, Mapping) else None
    teacher = distil.get("from") if isinstance(distil, Mapping) else None
    if not isinstance(teacher, str):
        entries.problems.append(
            f"{where}.objectives.{DISTIL}.from is {teacher!r}; it must be the name of the "
            "teacher, an entry in heads"
        )
        return None
    spec = read_head(entries, where, name, written)
    if not entries.has_entry(f"{where}.objectives.{DISTIL}.from", teacher, "heads"):
        return None
    # Problems of the teacher are reported in its own section.
    first = read_head(Entries(entries.raw), where, teacher, entries.raw_section("heads")[teacher])
    if not isinstance(spec, HeadSpec) or first is None or DISTIL not in spec.objectives:
        return None
    _check_teacher(entries, where, spec, first)
    return spec


def _check_teacher(entries: Entries, where: str, spec: HeadSpec, first: AnyHead) -> None:
    """Note a teacher that was trained on test utterances, or that does not predict the task."""
    for name in ("corpus", "protocol"):
        if getattr(first, name) != getattr(spec, name):
            entries.problems.append(
                f"{where}.{name} differs from that of its teacher {first.name!r}; test utterances "
                f"may have been seen in training, so give both the same {name}"
            )
    task = spec.objectives[DISTIL].options["task"]
    entries.problems += [
        f"{where}.objectives.{DISTIL}.task is {task!r}, which {head.name!r} does not predict; add "
        "that task to it"
        for head in (spec, first)
        if task not in head.tasks
    ]
