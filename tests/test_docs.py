"""The pages of the documentation: complete, up to date, linked, and built without a warning."""

import copy
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from docs.generate.__main__ import FOLDER
from docs.generate.__main__ import PAGES as GENERATED
from docs.generate.stanzas import NAMED_BY_KEY, Stanza, stanzas
from features.leaves import leaf_names
from features.params import heads
from features.params.load import OPTIONAL, SECTIONS, read_params
from features.params.yaml_files import parse_yaml, read_yaml
from tests import messages, pages
from tests.conftest import ROOT

FOLDERS = {
    "temporal": "temporal",
    "pooling": "pooling",
    "fusion": "fusions",
    "dialogue": "dialogues",
    "tasks": "tasks",
}
WIDTH = 100
DEMO: dict[str, Any] = dict(read_yaml(ROOT / "recipes" / "demo.yaml"))
LINKED = [*(ROOT / "docs").rglob("*.md"), *ROOT.glob("*.md")]


@pytest.mark.parametrize(("heading", "folder"), [*FOLDERS.items(), ("objectives", "objectives")])
def test_the_page_on_heads_names_every_file_of_a_folder(heading: str, folder: str) -> None:
    page = (FOLDER / "heads.md").read_text(encoding="utf-8")
    (table,) = re.findall(rf"^\| `{heading}` \|.*?\n\n", page, re.S | re.M)
    named = re.findall(r"`([a-z0-9-]+)`", "\n".join(re.findall(r"^\| (.*?) \|", table, re.M)))
    assert set(leaf_names(f"train/{folder}")) == set(named) - {heading}


def test_the_page_on_backbones_names_every_backbone() -> None:
    page = (FOLDER / "backbones.md").read_text(encoding="utf-8")
    assert set(leaf_names("extract/backbones")) <= set(re.findall(r"`([a-z0-9-]+)`", page))


@pytest.mark.parametrize("name", GENERATED)
def test_a_page_that_is_made_from_the_code_is_up_to_date(name: str) -> None:
    written = (FOLDER / name).read_text(encoding="utf-8")
    assert written == GENERATED[name](), "run 'python -m docs.generate'"


def test_the_messages_are_written_down() -> None:
    written = messages.FILE.read_text(encoding="utf-8")
    assert written == messages.messages(), "run 'python -m tests.messages', and read what changed"


def settings_in_the_page() -> dict[tuple[str, str | None], set[str]]:
    """The settings in the tables of the page, by stanza and leaf."""
    tables: dict[tuple[str, str | None], set[str]] = {}
    place: tuple[str, str | None] = ("", None)
    for line in (FOLDER / "settings.md").read_text(encoding="utf-8").splitlines():
        if line.startswith("## "):
            place = (line[3:], None)
        elif line.startswith("### "):
            section, code = line[4:].split(": ")
            place = (section, code)
        elif match := re.match(r"\| `(\w+)` \|", line):
            tables.setdefault(place, set()).add(match[1])
    return tables


# Stanzas whose settings a message can be asked for: leaves, and those that have none.
WITH_LEAVES = {stanza.path for stanza in stanzas() if stanza.code}
ASKED = [
    stanza
    for stanza in stanzas()
    if stanza.code or stanza.path not in (*WITH_LEAVES, "continued", "distilled")
]


def with_a_wrong_setting(stanza: Stanza) -> tuple[str, dict[str, Any]]:
    """A section, and an entry of it in which the stanza has a setting that does not exist."""
    wrong: dict[str, Any] = {"no_such": 1}
    coded = {**wrong, "code": stanza.code} if stanza.code else wrong
    if stanza.path.endswith("(code: probe)"):
        return "heads", {**wrong, "code": "probe"}
    section, *inner = stanza.path.split(".")
    if section == "sweeps" and inner:
        return section, {"head": "main", "space": {"dropout": wrong}}
    if not inner:
        return section, coded
    settings = {stanza.code: wrong} if stanza.path in NAMED_BY_KEY else coded
    for key in reversed(inner[1:]):
        settings = {"text" if key == "MODALITY" else key: settings}
    if inner[0] == "training":
        settings = {"seeds": [0], **settings}
    return section, {**DEMO["heads"]["main"], inner[0]: settings}


@pytest.mark.parametrize("stanza", ASKED, ids=lambda s: f"{s.path} {s.code or ''}".strip())
def test_the_page_has_the_settings_that_the_program_lists(stanza: Stanza) -> None:
    section, entry = with_a_wrong_setting(stanza)
    raw = {**DEMO, section: entry if section in ("extract", "tracking") else {"x": entry}}
    _, problems = read_params(raw, "params.yaml")
    (listed,) = {problem for problem in problems if "has no setting 'no_such'" in problem}
    names = set(re.findall(r"'(\w+)'", listed.split("its settings are ")[1].split(" Did ")[0]))
    tables = settings_in_the_page()
    written = tables.get((stanza.path, stanza.code), set())
    if stanza.path in NAMED_BY_KEY:
        written = {*written, "code"}
    elif stanza.path.endswith("(code: probe)"):
        written = written | {parameter.name for parameter in heads.COMMON}
    elif stanza.code:
        written = written | tables[(stanza.path, None)]
    assert names == written


def test_every_section_is_in_the_page() -> None:
    written = {path.split(".")[0].split(" ")[0] for path, _ in settings_in_the_page()}
    assert written | {"distilled"} == {*SECTIONS, *OPTIONAL}


def helps() -> list[tuple[str, str]]:
    """The help of every command and group, as a terminal of 100 columns shows it."""
    page = GENERATED["commands.md"]()
    return re.findall(r"^## (.*?)\n\n```text\n(.*?)```", page, re.M | re.S)


@pytest.mark.parametrize(("command", "text"), helps(), ids=lambda value: value[:20])
def test_help_is_whole_at_a_hundred_columns(command: str, text: str) -> None:
    cut = [line for line in text.splitlines()[1:] if line.endswith("...")]
    assert cut == [], command
    assert max(map(len, text.splitlines())) <= WIDTH


LINK = re.compile(r"\[[^\]\n]*\]\(([^)\s]+)\)")


def anchors(page: Path) -> set[str]:
    """The anchors of a page's headings, as GitHub and Sphinx make them."""
    titles = re.findall(r"^#+ (.*)$", page.read_text(encoding="utf-8"), re.M)
    plain = [re.sub(r"[^\w\- ]", "", re.sub(r"\[(.*?)\]\(.*?\)", r"\1", t).lower()) for t in titles]
    return {title.replace(" ", "-") for title in plain}


@pytest.mark.parametrize("page", LINKED, ids=lambda p: p.name)
def test_links_lead_somewhere(page: Path) -> None:
    text = re.sub(r"```.*?```", "", page.read_text(encoding="utf-8"), flags=re.S)
    for target in LINK.findall(text):
        if target.startswith("https://"):
            continue
        path, _, anchor = target.partition("#")
        file = (page.parent / path).resolve() if path else page
        assert file.exists(), target
        assert not anchor or anchor in anchors(file), target


def test_every_page_is_in_the_list_of_pages() -> None:
    listed = (ROOT / "docs" / "index.md").read_text(encoding="utf-8")
    for page in [*(ROOT / "docs").rglob("*.md"), *(ROOT / "docs").rglob("*.ipynb")]:
        name = page.relative_to(ROOT / "docs").as_posix()
        assert name == "index.md" or f"]({name})" in listed, name


@pytest.mark.slow
def test_the_site_builds_without_a_warning(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "sphinx", "-W", "-q", "-d", tmp_path / "trees", ROOT / "docs"]
    done = subprocess.run(
        [*command, tmp_path / "site"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    front = (tmp_path / "site/index.html").read_text(encoding="utf-8")
    assert "first-hour.html" in front
    loaded = re.findall(r"<(?:script|link|img)[^>]* (?:src|href)=\"(https?:[^\"]+)", front)
    assert loaded == [], "the site must read without a network"


YAML_BLOCKS = [block for block in pages.ALL if block.language == "yaml" and block.stands_alone]


@pytest.mark.parametrize("block", YAML_BLOCKS, ids=lambda b: b.page)
def test_settings_that_a_page_shows_exist(block: pages.Block) -> None:
    """Names of corpora and tracks may be the reader's own; settings and their values are ours."""
    shown = parse_yaml(re.sub(r"^ *\.\.\..*\n", "", block.code, flags=re.M), block.page)
    for key in reversed(block.mark.removeprefix("in ").split(".") if block.mark else []):
        shown = {key: shown}
    raw = {} if set(SECTIONS) <= set(shown) else copy.deepcopy(DEMO)
    for section, entries in shown.items():
        for name, entry in entries.items():
            of_demo = raw.setdefault(section, {}).get(name)
            raw[section][name] = {**of_demo, **entry} if isinstance(of_demo, dict) else entry
    _, problems = read_params(raw, "params.yaml")
    faults = ("no setting", "it must be", "is not a section", "files in", "codes of")
    shown_faults = [p for p in problems if any(fault in p for fault in faults)]
    assert [p for p in shown_faults if "is missing; " not in p] == []


def test_every_block_is_run_or_says_why_not() -> None:
    fences = [fence for page in pages.PAGES for fence in pages.fences(page)]
    assert len(fences) == 2 * len(pages.ALL), "a block without a language, or an open one"
    kinds = {"sh", "yaml", "python", *pages.SHOWN}
    assert {block.language for block in pages.ALL} <= kinds
    by_others = {
        block.mark.removeprefix("run by ") for block in pages.ALL if "run by " in block.mark
    }
    assert [file for file in by_others if not (ROOT / file).is_file()] == []
    alone = {b.page for b in pages.ALL if b.language in ("sh", "python") and b.stands_alone}
    assert alone == set(pages.RUN)
