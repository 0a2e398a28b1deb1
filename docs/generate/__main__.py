"""Writes every page: ``python -m docs.generate``."""

from docs.generate import commands, metrics, recipes, settings
from features.source import ROOT

FOLDER = ROOT / "docs" / "reference"
PAGES = {
    "commands.md": commands.page,
    "metrics.md": metrics.page,
    "recipes.md": recipes.page,
    "settings.md": settings.page,
}

if __name__ == "__main__":
    FOLDER.mkdir(exist_ok=True)
    for name, page in PAGES.items():
        (FOLDER / name).write_text(page(), encoding="utf-8")
