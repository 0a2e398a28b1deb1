"""Every module and setting is shown by a recipe, or the reason why none needs it is here."""

from typing import Any

import pytest

from docs.generate.stanzas import stanzas
from features.params.yaml_files import read_yaml
from tests.conftest import ROOT

LIMITS = "a limit that no corpus of a recipe reaches"
FAULTY = "for a corpus with faulty files; docs/how-to/own-corpus.md shows it"
OWN_TABLE = "for the user's own table; docs/how-to/own-corpus.md shows it"
OTHER_SPLIT = "a published split that no recipe reproduces"
LONG = "for recordings longer than any that a recipe's network hears"
NO_RECIPE = {
    "extract max_duration_s": LIMITS,
    "extract max_media_bytes": LIMITS,
    "corpora known_bad": FAULTY,
    "corpora use_anyway": FAULTY,
    "corpora duplicates": FAULTY,
    "corpora parts": OTHER_SPLIT,
    "corpora emotions": OTHER_SPLIT,
    "corpora test_session": OTHER_SPLIT,
    "corpora sentiments": OWN_TABLE,
    "corpora splits": OWN_TABLE,
    "corpora votes": OWN_TABLE,
    "corpora classes": "for a file that only numbers its classes",
    "backbones window_s": LONG,
    "backbones overlap_s": LONG,
    "backbones normalise": "for a checkpoint that does not state it",
    "backbones field": "for a file with the tracks of several networks",
    "backbones digest": "for a file outside the folder of the corpus",
    "heads precision": "needs a GPU, and no head of a recipe does",
}


def words(node: Any) -> set[str]:
    """All keys and string values of a piece of YAML, at any depth."""
    if isinstance(node, dict):
        return set(node).union(*map(words, node.values()))
    if isinstance(node, list):
        return set().union(*map(words, node))
    return {node} if isinstance(node, str) else set()


def section_of(name: str) -> str:
    """The section whose settings a section has."""
    return "heads" if name in ("continued", "distilled") else name


@pytest.fixture(scope="module")
def words_of_recipes() -> dict[str, set[str]]:
    sections: dict[str, set[str]] = {}
    for file in (ROOT / "recipes").glob("*.yaml"):
        for section, entries in read_yaml(file).items():
            sections.setdefault(section_of(section), set()).update(words(entries))
    return sections


def settings() -> dict[str, set[str]]:
    """The names of modules and settings by section."""
    names: dict[str, set[str]] = {}
    for stanza in stanzas():
        mine = names.setdefault(section_of(stanza.path.split(".")[0].split(" ")[0]), set())
        mine.update(parameter.name for parameter in stanza.parameters)
        if stanza.code:
            mine.add(stanza.code)
    return names


def test_every_module_and_setting_is_in_a_recipe_or_has_a_reason(
    words_of_recipes: dict[str, set[str]],
) -> None:
    unused = {
        f"{section} {name}"
        for section, names in settings().items()
        for name in names - words_of_recipes.get(section, set())
    }
    assert unused == set(NO_RECIPE)
