"""Reads the entries of the section `continued`: heads that start from another head's weights."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from features.params.entries import Entries
from features.params.heads import read_head
from features.params.recordings import share_recordings
from features.specs.heads import HeadSpec


def read_continued(entries: Entries, where: str, name: str, given: Any) -> HeadSpec | None:
    """A head as under `heads`, with `start`: the name of one of those."""
    settings = dict(given) if isinstance(given, Mapping) else {}
    start = settings.pop("start", None)
    for section in ("heads", "transfers"):
        if name in entries.given(section):
            entries.problems.append(
                f"{where} is the name of an entry in {section} too; both write runs/{name}, "
                "rename it"
            )
    if not isinstance(start, str):
        entries.problems.append(
            f"{where}.start is {start!r}; it must be the name of one of the heads"
        )
        return None
    spec = read_head(entries, where, name, settings)
    if not entries.reference(f"{where}.start", start, "heads"):
        return None
    # What is wrong with the head itself is told where it stands.
    first = read_head(Entries(entries.raw), where, start, entries.given("heads")[start])
    if spec is None or first is None:
        return None
    if not isinstance(spec, HeadSpec) or not isinstance(first, HeadSpec):
        entries.problems.append(
            f"{where}.start is {start!r}; both heads must be networks, and a probe is none"
        )
        return None
    _check_parts(entries, where, spec, first)
    return replace(spec, start=start)


def _check_parts(entries: Entries, where: str, spec: HeadSpec, first: HeadSpec) -> None:
    """Note what would let the head know from its start what it is tested on."""
    known = "what is tested would be known from training"
    if first.corpus == spec.corpus:
        if first.protocol != spec.protocol:
            entries.problems.append(
                f"{where}.protocol differs from that of {first.name!r} on the same corpus; "
                f"{known}, so give both the same protocol"
            )
    elif share_recordings(entries, first.corpus, spec.corpus):
        entries.problems.append(
            f"{where} starts from a head trained on {first.corpus!r}, which has recordings of "
            f"{spec.corpus!r}; {known}, so choose another start"
        )
    if first.inputs != spec.inputs:
        entries.problems.append(
            f"{where}.inputs is {dict(spec.inputs)}; it must repeat those of heads.{first.name}, "
            f"{dict(first.inputs)}"
        )
