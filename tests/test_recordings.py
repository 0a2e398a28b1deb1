"""Corpora made of the same recordings, however they are called."""

import pytest

from features.leaves import leaf_constant, leaf_names
from features.params.entries import Entries
from features.params.recordings import share_recordings


def share(first: dict[str, str], second: dict[str, str]) -> bool:
    return share_recordings(Entries({"corpora": {"a": first, "b": second}}), "a", "b")


PAIRS = [
    (code, other)
    for code in leaf_names("extract/corpora")
    for other in leaf_constant("extract/corpora", code, "SAME_RECORDINGS", ())
]


@pytest.mark.parametrize(("code", "other"), [("ecf", "meld"), *PAIRS])
def test_readers_that_name_each_other_share_recordings_in_any_folder(code: str, other: str) -> None:
    first, second = {"code": code, "root": "one"}, {"code": other, "root": "two"}
    assert share(first, second) and share(second, first)


def test_readers_of_other_recordings_share_none() -> None:
    assert not share({"code": "meld", "root": "one"}, {"code": "iemocap", "root": "two"})
    assert not share({"code": "table", "root": "one"}, {"code": "table", "root": "two"})


def test_one_folder_and_one_reader_share_recordings() -> None:
    assert share({"code": "table", "root": "one/./x"}, {"code": "demo", "root": "one/x"})
    assert share({"code": "iemocap", "root": "one"}, {"code": "iemocap", "root": "two"})
