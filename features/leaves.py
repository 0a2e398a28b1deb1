"""The leaf files (one backbone, one fusion, ...): what exists and which settings each takes.

A leaf is named in params.yaml by its file name, with hyphens for underscores. Its settings are
the keyword-only parameters of one function or class, read from the source text.
"""

import importlib
from collections.abc import Mapping
from dataclasses import dataclass
from types import ModuleType
from typing import Any

from features import source
from features.binding import REQUIRED, Parameter
from features.source import ROOT


@dataclass(frozen=True)
class OneOfLeaves:
    """A setting that names a leaf: ``then: Annotated[str, OneOfLeaves(folder, unless=CONSTANT)]``.

    It may be any leaf of the folder whose file does not set the constant, if one is given.
    """

    folder: str
    unless: str | None = None


def leaf_names(folder: str) -> list[str]:
    """The names of the leaves in a folder such as ``extract/backbones``, sorted."""
    files = (ROOT / folder).glob("[a-z]*.py")
    return sorted(file.stem.replace("_", "-") for file in files)


def load_leaf(folder: str, name: str) -> ModuleType:
    """Import a leaf by its name in params.yaml."""
    return importlib.import_module(_module(folder, name))


def leaf_constant(folder: str, name: str, constant: str, default: Any = REQUIRED) -> Any:
    """The value of a literal module constant, such as MODALITY, without importing the leaf.

    RANGES maps settings to the least and the greatest value they may have (None: no limit).
    """
    try:
        return source.constant(_module(folder, name), constant)
    except source.NotThereError:
        if default is REQUIRED:
            raise
        return default


def leaf_parameters(folder: str, name: str, callable_name: str) -> list[Parameter]:
    """The keyword-only parameters of a leaf's function, or of its class's constructor."""
    ranges = leaf_constant(folder, name, "RANGES", {})
    return source.parameters(_module(folder, name), callable_name, ranges, _leaves_without)


def backbone_modality(code: str, settings: Mapping[str, Any]) -> str | None:
    """The modality of a backbone; None where the setting that decides it is missing or wrong.

    MODALITY is a name, or a setting with the modality for each of its values.
    """
    modality = leaf_constant("extract/backbones", code, "MODALITY")
    if isinstance(modality, str):
        return modality
    ((setting, by_value),) = modality.items()
    chosen: str | None = by_value.get(str(settings.get(setting)))
    return chosen


def _leaves_without(folder: str, constant: str | None = None) -> list[str]:
    if constant is None:
        return leaf_names(folder)
    return [name for name in leaf_names(folder) if not leaf_constant(folder, name, constant, False)]


def _module(folder: str, name: str) -> str:
    return f"{folder.replace('/', '.')}.{name.replace('-', '_')}"
