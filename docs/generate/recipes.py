"""The page with every recipe: the five lines that each of them begins with."""

from pathlib import Path

from features.errors import ProjectError
from features.source import ROOT

FIELDS = ("Reproduces", "Data", "Time", "Reached", "Differs")
INTRODUCTION = """# Every recipe

A recipe is a complete `params.yaml`. `python cli.py use NAME` makes it the one in use, `--root
PATH` sets the folder of its corpus, and `--force` replaces a `params.yaml` that was edited (and
keeps it as `params.yaml.bak`). Then `dvc repro` runs it. Figures are explained in
[results](../results.md); times are of cores of an Intel Xeon.
"""


def page() -> str:
    """The page. Raises ProjectError for a recipe that does not begin with the five lines."""
    files = sorted((ROOT / "recipes").glob("*.yaml"))
    return "\n".join([INTRODUCTION, *map(_section, files)])


def _section(file: Path) -> str:
    lines = file.read_text(encoding="utf-8").splitlines()[: len(FIELDS)]
    items = []
    for field, line in zip(FIELDS, lines, strict=True):
        start = f"# {field}: "
        if not line.startswith(start):
            raise ProjectError(f"{file.name} has the line {line!r}; it must begin with {start!r}")
        items.append(f"- *{field}*: {line.removeprefix(start)}")
    return "\n".join([f"## {file.stem}\n", *items, ""])
