"""Which corpora are made of the same recordings: training on one is knowing the other."""

from collections.abc import Mapping
from typing import Any

from features.entries import Entries
from features.leaves import leaf_constant, leaf_names


def share_recordings(entries: Entries, one: Any, other: Any) -> tuple[str, str] | None:
    """The codes of two corpora that have recordings in common; None where they have none."""
    codes = _code(entries, one), _code(entries, other)
    if any(a in _same(b) for a, b in (codes, codes[::-1])):
        return codes
    return None


def _code(entries: Entries, corpus: Any) -> str:
    given = entries.given("corpora").get(str(corpus))
    return str(given.get("code")) if isinstance(given, Mapping) else ""


def _same(code: str) -> tuple[str, ...]:
    if code not in leaf_names("extract/corpora"):
        return ()
    found: tuple[str, ...] = leaf_constant("extract/corpora", code, "SAME_RECORDINGS", ())
    return found
