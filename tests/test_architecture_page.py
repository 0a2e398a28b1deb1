"""The page on the architecture and the folders name each other."""

import re

from tests.conftest import ROOT

ROOMS = ("features", "extract", "train", "app")
PAGE = (ROOT / "docs" / "explanation" / "architecture.md").read_text(encoding="utf-8")
NAMED = {name.rstrip("/") for name in re.findall(r"`([a-z0-9_]+(?:/[a-z0-9_]+)*/)`", PAGE)}
DRAWN = set(re.findall(r"\b(?:extract|train)/[a-z]+", PAGE))


def folders_with_code() -> set[str]:
    files = (file for room in ROOMS for file in (ROOT / room).rglob("*.py"))
    folders = {file.parent.relative_to(ROOT).as_posix() for file in files}
    return {folder for folder in folders if not folder.startswith("features/cache")}


def test_the_page_names_every_folder_with_code() -> None:
    assert folders_with_code() <= NAMED


def test_every_folder_that_the_page_names_exists() -> None:
    assert len(NAMED) > len(ROOMS)
    assert [name for name in sorted(NAMED | DRAWN) if not (ROOT / name).is_dir()] == []
