"""Reads the entries of the section `transfers`: a head that is tested on another corpus."""

from collections.abc import Mapping
from typing import Any

from features.binding import Parameter, bind
from features.leaves import leaf_constant, leaf_names
from features.params.entries import Entries
from features.params.inputs import check_inputs
from features.params.recordings import share_recordings
from features.specs.heads import TransferSpec

SETTINGS = [
    Parameter("head", str),
    Parameter("corpus", str),
    Parameter("inputs", dict[str, str]),
    Parameter("labels", dict[str, dict[str, str]], {}),
]


def read_transfer(entries: Entries, where: str, name: str, settings: Any) -> TransferSpec | None:
    """One transfer; its inputs must be those of the head, extracted from the other corpus."""
    values = bind(where, settings, SETTINGS, entries.problems)
    if values is None:
        return None
    if name in entries.raw_section("heads"):
        entries.problems.append(
            f"{where} has the name of a head; both write runs/{name}, so rename one of them"
        )
    entries.has_entry(f"{where}.corpus", values["corpus"], "corpora")
    check_inputs(entries, f"{where}.inputs", values["corpus"], values["inputs"])
    if entries.has_entry(f"{where}.head", values["head"], "heads"):
        head = entries.raw_section("heads")[values["head"]]
        _check_head(entries, where, values, head if isinstance(head, Mapping) else {})
    return TransferSpec(name, **values)


def _check_head(
    entries: Entries, where: str, values: Mapping[str, Any], head: Mapping[str, Any]
) -> None:
    if head.get("corpus") == values["corpus"]:
        entries.problems.append(
            f"{where}.corpus is {values['corpus']!r}, on which the head {values['head']!r} was "
            "trained; name another corpus"
        )
    elif share_recordings(entries, head.get("corpus"), values["corpus"]):
        entries.problems.append(
            f"{where} trains on {head.get('corpus')!r} and tests on {values['corpus']!r}, which "
            "have recordings in common; test utterances may have been seen in training, so name "
            "another corpus"
        )
    if head.get("inputs") != values["inputs"]:
        entries.problems.append(
            f"{where}.inputs is {dict(values['inputs'])}; it must repeat those of heads."
            f"{values['head']}, {dict(head.get('inputs') or {})}"
        )
    tasks = head.get("tasks")
    for task in tasks if isinstance(tasks, Mapping) else ():
        if _kind(task) == "pairs":
            entries.problems.append(
                f"{where}.head is {values['head']!r}, whose task {task!r} predicts pairs of "
                "utterances and cannot be transferred; name a head without it"
            )
    for task in values["labels"]:
        if isinstance(tasks, Mapping) and task not in tasks:
            entries.note_unknown(
                f"{where}.labels names {task!r}", task, map(str, tasks), "its tasks"
            )
        elif _kind(task) == "numbers":
            entries.problems.append(
                f"{where}.labels names {task!r}, which predicts numbers and has no classes"
            )


def _kind(task: Any) -> Any:
    exists = task in leaf_names("train/tasks")
    return leaf_constant("train/tasks", task, "KIND") if exists else None
