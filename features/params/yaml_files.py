"""Reads YAML files; a fault in one becomes a ProjectError that says what to do."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from features.errors import ProjectError

# Hundreds of heads are some hundred kilobytes.
MAX_BYTES = 2_000_000
MAX_VALUES = 200_000


def read_yaml(path: Path) -> Any:
    """The content of a YAML 1.2 file (the version that DVC reads: ``1e-3`` is a number)."""
    try:
        if (num_bytes := path.stat().st_size) > MAX_BYTES:
            raise ProjectError(
                f"{path} has {num_bytes} bytes; a parameter file has at most {MAX_BYTES}. Give "
                "the right file."
            )
        return parse_yaml(path.read_text(encoding="utf-8"), path.name)
    except FileNotFoundError:
        raise ProjectError(
            f"{path} does not exist; it lists what to run. Change to the project's folder, or "
            "create the file with 'python cli.py use demo'."
        ) from None
    except (UnicodeDecodeError, OSError) as error:
        raise ProjectError(f"{path} cannot be read as UTF-8 text: {error}") from None


def parse_yaml(text: str, file: str) -> Any:
    """The content of a YAML text; `file` names it in messages."""
    try:
        content = YAML(typ="safe", pure=True).load(text)
    except (YAMLError, ValueError) as error:
        raise ProjectError(f"{file} is not valid YAML: {' '.join(str(error).split())}") from None
    except RecursionError:
        raise ProjectError(f"{file} is nested too deeply to be read; see recipes/") from None
    _refuse_endless(content, file)
    return content


def _refuse_endless(content: Any, file: str) -> None:
    """Raise ProjectError where aliases inside aliases stand for more than anyone wrote."""
    sizes: dict[int, int] = {}

    def size(item: Any) -> int:
        """The number of values with every alias written out; endless for one inside itself."""
        if not isinstance(item, Mapping | list):
            return 1
        if id(item) not in sizes:
            sizes[id(item)] = MAX_VALUES + 1
            inner = [*item.keys(), *item.values()] if isinstance(item, Mapping) else item
            sizes[id(item)] = 1 + sum(map(size, inner))
        return sizes[id(item)]

    if size(content) > MAX_VALUES:
        raise ProjectError(
            f"{file} has aliases (*name) that expand to more than {MAX_VALUES} values; write the "
            "values themselves"
        )
