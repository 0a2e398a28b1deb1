"""Where the figures come from: commit, versions, and the settings and tracks of each head."""

import json
import subprocess
from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from app.results.runs import Run
from features.source import ROOT

PACKAGES = ("torch", "transformers", "scikit-learn", "numpy", "scipy", "zarr", "dvc")


def made_from(folder: Path) -> list[str]:
    """Lines about the commit of a project, whether files differ from it, and versions."""
    commit = _git(folder, "log", "-1", "--format=%h of %cs")
    lines = []
    if commit:
        is_changed = bool(_git(folder, "status", "--porcelain", "-uno", "--", ".", ":!dvc.lock"))
        changed = ", with changes that are not committed" if is_changed else ""
        lines.append(f"Commit {commit}{changed}")
    own = _git(ROOT, "log", "-1", "--format=%h of %cs") if folder.resolve() != ROOT else ""
    if own:
        lines.append(f"Permafrost {own}")
    return [*lines, ", ".join(_versions())]


def _versions() -> list[str]:
    installed = []
    for package in PACKAGES:
        try:
            installed.append(f"{package} {version(package)}")
        except PackageNotFoundError:
            continue
    return installed


def settings_of(run: Run) -> str:
    """The settings of a head, as JSON, indented."""
    return json.dumps(run.record["head"], indent=2, ensure_ascii=False)


def tracks_of(run: Run) -> list[tuple[str, str, str]]:
    """Modality, backbone and recipe hash of each store that a head read."""
    stores: dict[str, Any] = run.record["stores"]
    return [
        (modality, run.spec.inputs[modality], str(store["recipe"])[:16])
        for modality, store in stores.items()
    ]


def _git(folder: Path, *command: str) -> str:
    """What git prints; nothing where there is no git, or no repository of its own."""
    words: Sequence[str] = ["git", "-C", str(folder), *command]
    try:
        done = subprocess.run(words, capture_output=True, text=True, check=False)
    except FileNotFoundError:
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""
