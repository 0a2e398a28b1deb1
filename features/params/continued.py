"""Reads the entries of the section `continued`: heads that start from another head's weights."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from features.params.entries import Entries
from features.params.heads import read_head
from features.params.recordings import share_recordings
from features.specs.heads import HeadSpec


def read_continued(entries: Entries, where: str, name: str, written: Any) -> HeadSpec | None:
    """A head as under `heads`, with `start`: the name of one of those."""
    settings = dict(written) if isinstance(written, Mapping) else {}
    start = settings.pop("start", None)
    for section in ("heads", "transfers"):
        if name in entries.raw_section(section):
            entries.problems.append(
                f"{where} is also the name of an entry in {section}; both write runs/{name}, "
                "so rename one of them"
            )
    if not isinstance(start, str):
        entries.problems.append(
            f"{where}.start is {start!r}; it must be the name of an entry in heads"
        )
        return None
    spec = read_head(entries, where, name, settings)
    if not entries.has_entry(f"{where}.start", start, "heads"):
        return None
    # Problems of the first head are reported in its own section.
    first = read_head(Entries(entries.raw), where, start, entries.raw_section("heads")[start])
    if spec is None or first is None:
        return None
    if not isinstance(spec, HeadSpec) or not isinstance(first, HeadSpec):
        entries.problems.append(
            f"{where}.start is {start!r}; both heads must be networks, not probes"
        )
        return None
    _check_leaks(entries, where, spec, first)
    return replace(spec, start=start)


def _check_leaks(entries: Entries, where: str, spec: HeadSpec, first: HeadSpec) -> None:
    """Note settings with which the first head may have been trained on test utterances."""
    leak = "test utterances may have been seen in training"
    if first.corpus == spec.corpus:
        if first.protocol != spec.protocol:
            entries.problems.append(
                f"{where}.protocol differs from that of {first.name!r} on the same corpus; "
                f"{leak}, so give both the same protocol"
            )
    elif share_recordings(entries, first.corpus, spec.corpus):
        entries.problems.append(
            f"{where} starts from a head trained on {first.corpus!r}, which shares recordings "
            f"with {spec.corpus!r}; {leak}, so choose another start"
        )
    if first.inputs != spec.inputs:
        entries.problems.append(
            f"{where}.inputs is {dict(spec.inputs)}; it must repeat those of heads.{first.name}, "
            f"{dict(first.inputs)}"
        )
