"""The blocks of code in README.md and docs/: what the suite runs, and what it does not, and why.

A block stands alone unless the line before it is a comment: ``<!-- not run: WHY -->``,
``<!-- run by FILE -->`` where another test runs it, or, for settings that are not a whole section,
``<!-- in heads.main -->``.
"""

import re
from dataclasses import dataclass
from pathlib import Path

from tests.conftest import ROOT

# Made from the code, and a page all of whose blocks tests/test_extending.py runs.
ELSEWHERE = ("commands.md", "metrics.md", "recipes.md", "settings.md", "extending.md")
PAGES = sorted(
    [ROOT / "README.md", ROOT / "CONTRIBUTING.md", ROOT / "CHANGELOG.md"]
    + [page for page in (ROOT / "docs").rglob("*.md") if page.name not in ELSEWHERE]
)
BLOCK = re.compile(
    r"^(?:<!-- (?P<mark>[^\n]*?) -->\n)?```(?P<language>[\w{}]+)\n(?P<code>.*?)^```$", re.M | re.S
)
# Pages whose commands and Python tests/test_demo.py runs, in this order, in the demo project.
RUN = (
    "README.md",
    "docs/first-hour.md",
    "docs/how-to/predict.md",
    "docs/how-to/exchange.md",
    "docs/how-to/explore.md",
    "docs/how-to/disk-space.md",
    "docs/explanation/store.md",
    "docs/reference/heads.md",
    "docs/how-to/dvc.md",
)
# Languages of what is shown, not typed, and the lists of pages for the site.
SHOWN = ("text", "json", "{toctree}")


@dataclass(frozen=True)
class Block:
    """A fenced block of a page."""

    page: str
    language: str
    code: str
    mark: str

    @property
    def stands_alone(self) -> bool:
        """Whether it is run as it is, after the blocks above it."""
        return not self.mark.startswith(("not run: ", "run by "))


def blocks(page: Path) -> list[Block]:
    """All blocks of a page, in order."""
    text = page.read_text(encoding="utf-8")
    name = page.relative_to(ROOT).as_posix()
    return [
        Block(name, match["language"], match["code"], match["mark"] or "")
        for match in BLOCK.finditer(text)
    ]


def fences(page: Path) -> list[str]:
    """The lines that begin or end a block, with or without a language."""
    return re.findall(r"^ *```.*$", page.read_text(encoding="utf-8"), re.M)


ALL = [block for page in PAGES for block in blocks(page)]


def commands(page: str) -> str:
    """The shell script of a page: its blocks that stand alone, one after another."""
    return "".join(b.code for b in ALL if b.page == page and b.language == "sh" and b.stands_alone)
