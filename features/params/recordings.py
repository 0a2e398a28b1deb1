"""Which corpora are made of the same recordings: training on one leaks into tests on another."""

import os
from collections.abc import Mapping
from typing import Any

from features.leaves import leaf_constant, leaf_names
from features.params.entries import Entries

# Readers of any folder: two of their corpora are the same only if they read the same folder.
ANY_FOLDER = ("table", "demo")


def share_recordings(entries: Entries, first: Any, second: Any) -> bool:
    """Whether two corpora have recordings in common.

    True for corpora with the same reader, however they are split and labelled, or the same folder.
    """
    code, root = _reader_and_root(entries, first)
    second_code, second_root = _reader_and_root(entries, second)
    same_reader = code == second_code and code not in ANY_FOLDER
    related = second_code in _same_recordings(code) or code in _same_recordings(second_code)
    return same_reader or related or root == second_root


def _reader_and_root(entries: Entries, corpus: Any) -> tuple[str, str]:
    raw = entries.raw_section("corpora").get(str(corpus))
    settings = raw if isinstance(raw, Mapping) else {}
    return str(settings.get("code")), os.path.normpath(str(settings.get("root", corpus)))


def _same_recordings(code: str) -> tuple[str, ...]:
    if code not in leaf_names("extract/corpora"):
        return ()
    codes: tuple[str, ...] = leaf_constant("extract/corpora", code, "SAME_RECORDINGS", ())
    return codes
