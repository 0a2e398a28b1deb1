"""Which corpora are made of the same recordings: training on one is knowing the other."""

import os
from collections.abc import Mapping
from typing import Any

from features.leaves import leaf_constant, leaf_names
from features.params.entries import Entries

# Readers of any folder: two corpora of theirs are the same if they read the same one.
ANY_FOLDER = ("table", "demo")


def share_recordings(entries: Entries, one: Any, other: Any) -> bool:
    """Whether two corpora have recordings in common.

    Those of one reader have, however each is cut and labelled, and those in one folder.
    """
    (code, root), (other_code, other_root) = _read(entries, one), _read(entries, other)
    same_reader = code == other_code and code not in ANY_FOLDER
    related = other_code in _same(code) or code in _same(other_code)
    return same_reader or related or root == other_root


def _read(entries: Entries, corpus: Any) -> tuple[str, str]:
    """Reader and folder of a corpus."""
    given = entries.given("corpora").get(str(corpus))
    settings = given if isinstance(given, Mapping) else {}
    return str(settings.get("code")), os.path.normpath(str(settings.get("root", corpus)))


def _same(code: str) -> tuple[str, ...]:
    if code not in leaf_names("extract/corpora"):
        return ()
    found: tuple[str, ...] = leaf_constant("extract/corpora", code, "SAME_RECORDINGS", ())
    return found
