"""A copy of the project in which tests run commands as a user does."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

from tests.conftest import ROOT
from tests.started import folder_of_python

SOURCE = (
    "cli.py",
    "permafrost.py",
    "app",
    "extract",
    "features",
    "train",
    "recipes",
    "dvc.yaml",
    "params.yaml",
    ".dvcignore",
    ".dvc/config",
)


class Project:
    """A working copy without git history; `python cli.py` runs in a process that has started."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        ignore = shutil.ignore_patterns("__pycache__", "cache")
        for name in SOURCE:
            source = ROOT / name
            if source.is_dir():
                shutil.copytree(source, folder / name, ignore=ignore)
            else:
                (folder / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(source, folder / name)
        self.environment = {
            **os.environ,
            "PATH": os.pathsep.join(
                [str(folder_of_python()), str(Path(sys.executable).parent), os.environ["PATH"]]
            ),
            "DVC_NO_ANALYTICS": "1",
            "DVC_SITE_CACHE_DIR": str(folder / ".dvc-site"),
        }

    def cli(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run `python cli.py`."""
        return self.run("python", "cli.py", *arguments)

    def run(self, *command: str) -> subprocess.CompletedProcess[str]:
        """Run a command in the project and keep what it prints."""
        return subprocess.run(
            command,
            cwd=self.folder,
            env=self.environment,
            capture_output=True,
            text=True,
            check=False,
        )

    def edit(self, file: str, old: str, new: str) -> None:
        """Replace the first occurrence of a text in a file."""
        path = self.folder / file
        text = path.read_text(encoding="utf-8")
        assert old in text, f"{old!r} is not in {file}"
        path.write_text(text.replace(old, new, 1), encoding="utf-8")
