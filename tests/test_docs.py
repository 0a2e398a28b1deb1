"""The pages of the documentation are complete."""

import re

import pytest

from features.leaves import leaf_names
from tests.conftest import ROOT

FOLDERS = {
    "temporal": "temporal",
    "pooling": "pooling",
    "fusion": "fusions",
    "dialogue": "dialogues",
    "tasks": "tasks",
}


def page() -> str:
    return (ROOT / "docs" / "heads.md").read_text(encoding="utf-8")


@pytest.mark.parametrize(("heading", "folder"), [*FOLDERS.items(), ("objectives", "objectives")])
def test_the_page_names_every_file_of_a_folder(heading: str, folder: str) -> None:
    (table,) = re.findall(rf"^\| `{heading}` \|.*?\n\n", page(), re.S | re.M)
    named = re.findall(r"`([a-z0-9-]+)`", "\n".join(re.findall(r"^\| (.*?) \|", table, re.M)))
    assert set(leaf_names(f"train/{folder}")) == set(named) - {heading}
