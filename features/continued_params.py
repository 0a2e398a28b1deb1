"""Reads the entries of the section `continued`: heads that start from another head's weights."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from features.entries import Entries
from features.head_params import read_head
from features.head_specs import HeadSpec
from features.recordings import share_recordings


def read_continued(entries: Entries, where: str, name: str, given: Any) -> HeadSpec | None:
    """A head as under `heads`, with `start`: the name of one of those."""
    settings = dict(given) if isinstance(given, Mapping) else {}
    start = settings.pop("start", None)
    if name in entries.given("heads"):
        entries.problems.append(
            f"{where} has the name of a head; both write runs/{name}, rename it"
        )
    if not isinstance(start, str):
        entries.problems.append(
            f"{where}.start is {start!r}; it must be the name of one of the heads"
        )
        return None
    spec = read_head(entries, where, name, settings)
    if not entries.reference(f"{where}.start", start, "heads") or spec is None:
        return None
    first = entries.given("heads")[start]
    kinds = [one.get("code", "network") for one in (settings, first) if isinstance(one, Mapping)]
    if kinds != ["network", "network"] or not isinstance(spec, HeadSpec):
        entries.problems.append(
            f"{where}.start is {start!r}; both heads must be networks, and a probe is none"
        )
        return None
    if first.get("corpus") == spec.corpus and first.get("protocol") != settings.get("protocol"):
        entries.problems.append(
            f"{where}.protocol differs from that of {start!r} on the same corpus; what is tested "
            "would be known from training, so give both the same protocol"
        )
    if codes := share_recordings(entries, first.get("corpus"), spec.corpus):
        entries.problems.append(
            f"{where} starts from a head that was trained on {codes[0]!r}, which has recordings of "
            f"{codes[1]!r}; what is tested would be known from training, so choose another start"
        )
    return replace(spec, start=start)
