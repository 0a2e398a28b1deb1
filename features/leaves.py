"""The leaf files (one backbone, one fusion, ...): what exists and which settings each takes.

A leaf is named in params.yaml by its file name, with hyphens for underscores. Its settings are
the keyword-only parameters of one function or class, read from the source text: checking
params.yaml never imports torch, and a machine that only trains needs no media library.
"""

import ast
import importlib
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any, Literal

from features.binding import REQUIRED, Parameter, within

ROOT = Path(__file__).resolve().parents[1]
NAMES = {"int": int, "float": float, "str": str, "bool": bool, "None": None}


def leaf_names(folder: str) -> list[str]:
    """The names of the leaves in a folder such as ``extract/backbones``, sorted."""
    files = (ROOT / folder).glob("[a-z]*.py")
    return sorted(file.stem.replace("_", "-") for file in files)


def load_leaf(folder: str, name: str) -> ModuleType:
    """Import a leaf by its name in params.yaml."""
    return importlib.import_module(f"{folder.replace('/', '.')}.{name.replace('-', '_')}")


def leaf_constant(folder: str, name: str, constant: str, default: Any = REQUIRED) -> Any:
    """The value of a literal module constant, such as MODALITY, without importing the leaf.

    RANGES maps settings to the least and the greatest value they may have (None: no limit).
    """
    for node in _tree(folder, name).body:
        if isinstance(node, ast.Assign) and any(
            isinstance(target, ast.Name) and target.id == constant for target in node.targets
        ):
            return ast.literal_eval(node.value)
    if default is not REQUIRED:
        return default
    raise AttributeError(f"{folder}/{name.replace('-', '_')}.py has no constant {constant}")


def backbone_modality(code: str, settings: Mapping[str, Any]) -> str | None:
    """The modality of a backbone; None where the setting that it hangs on is missing or wrong.

    MODALITY is a name, or a setting with the modality for each of its values.
    """
    modality = leaf_constant("extract/backbones", code, "MODALITY")
    if isinstance(modality, str):
        return modality
    ((setting, by_value),) = modality.items()
    found: str | None = by_value.get(str(settings.get(setting)))
    return found


def leaf_parameters(folder: str, name: str, callable_name: str) -> list[Parameter]:
    """The keyword-only parameters of a leaf's function, or of its class's constructor."""
    ranges = leaf_constant(folder, name, "RANGES", {})
    for node in _tree(folder, name).body:
        if getattr(node, "name", None) != callable_name:
            continue
        if isinstance(node, ast.ClassDef):
            return _keyword_only(_constructor(_tree(folder, name), node), ranges)
        return _keyword_only(node, ranges)
    raise AttributeError(f"{folder}/{name.replace('-', '_')}.py does not define {callable_name}")


def _constructor(tree: ast.Module, node: ast.ClassDef) -> ast.AST:
    """The constructor of a class, or that of the class that it imports and is made from."""
    for part in node.body:
        if isinstance(part, ast.FunctionDef) and part.name == "__init__":
            return part
    (base,) = (base.id for base in node.bases if isinstance(base, ast.Name))
    (module,) = (
        str(part.module)
        for part in tree.body
        if isinstance(part, ast.ImportFrom) and base in [alias.name for alias in part.names]
    )
    parent = _tree(*module.replace(".", "/").rsplit("/", 1))
    (found,) = (x for x in parent.body if isinstance(x, ast.ClassDef) and x.name == base)
    return _constructor(parent, found)


@cache
def _tree(folder: str, name: str) -> ast.Module:
    path = ROOT / folder / f"{name.replace('-', '_')}.py"
    return ast.parse(path.read_text(encoding="utf-8"), str(path))


def _keyword_only(function: ast.AST, ranges: dict[str, Any]) -> list[Parameter]:
    assert isinstance(function, ast.FunctionDef)
    arguments = function.args
    return [
        Parameter(
            argument.arg,
            _hint(argument.annotation),
            REQUIRED if default is None else ast.literal_eval(default),
            within(*ranges[argument.arg]) if argument.arg in ranges else None,
        )
        for argument, default in zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True)
    ]


def _hint(node: ast.AST | None) -> Any:
    """The type that an annotation's syntax tree stands for; only the types of `conforms`."""
    if isinstance(node, ast.Name):
        return NAMES[node.id]
    if isinstance(node, ast.Constant) and node.value is None:
        return None
    if isinstance(node, ast.BinOp):
        return _hint(node.left) | _hint(node.right)
    assert isinstance(node, ast.Subscript) and isinstance(node.value, ast.Name)
    inner = node.slice.elts if isinstance(node.slice, ast.Tuple) else [node.slice]
    if node.value.id == "Literal":
        return Literal[tuple(ast.literal_eval(item) for item in inner)]
    if node.value.id == "list":
        return list[_hint(inner[0])]  # type: ignore[misc]
    return dict[str, _hint(inner[1])]  # type: ignore[misc]
