"""Reads YAML files; a fault in one becomes a ProjectError that says what to do."""

from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from features.errors import ProjectError


def read_yaml(path: Path) -> Any:
    """The content of a YAML 1.2 file (the version that DVC reads: ``1e-3`` is a number)."""
    try:
        return parse_yaml(path.read_text(encoding="utf-8"), path.name)
    except FileNotFoundError:
        raise ProjectError(
            f"{path} does not exist; it lists what runs. Work in the project's folder, or make "
            "one with 'python cli.py use demo'."
        ) from None
    except (UnicodeDecodeError, OSError) as error:
        raise ProjectError(f"{path} cannot be read as UTF-8 text: {error}") from None


def parse_yaml(text: str, file: str) -> Any:
    """The content of a YAML text; `file` names it in messages."""
    try:
        return YAML(typ="safe", pure=True).load(text)
    except (YAMLError, ValueError) as error:
        raise ProjectError(f"{file} is not valid YAML: {' '.join(str(error).split())}") from None
