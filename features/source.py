"""Constants, settings and types as they stand in source text, followed through imports.

Nothing is imported: checking params.yaml never loads torch, and a machine that only trains heads
needs no media library.
"""

import ast
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any, Literal

from features.binding import REQUIRED, Parameter, within

ROOT = Path(__file__).resolve().parents[1]
TYPES = {"int": int, "float": float, "str": str, "bool": bool, "None": None}
# Gives the names that an annotation `Annotated[str, OneOfLeaves(folder, unless=CONSTANT)]` allows.
Choices = Callable[..., list[str]]


class NotThereError(LookupError):
    """A module defines no such name, nor imports it from another module of the project."""


def constant(module: str, name: str) -> Any:
    """The value of a literal module constant, the module's own or one that it imports."""
    return _literal(*_definition(module, name))


def parameters(module: str, name: str, ranges: dict[str, Any], choices: Choices) -> list[Parameter]:
    """The keyword-only parameters of a function, or of a class's constructor, base classes' too.

    A setting that Python keeps a word for itself, such as ``from``, is a parameter ``from_``.
    """
    where, node = _definition(module, name)
    while isinstance(node, ast.ClassDef):
        where, node = _constructor(where, node)
    assert isinstance(node, ast.FunctionDef), f"{module}.{name} is neither function nor class"
    arguments = node.args
    return [
        Parameter(
            argument.arg.removesuffix("_"),
            _type(where, argument.annotation, choices),
            REQUIRED if default is None else _literal(where, default),
            within(*ranges[name]) if (name := argument.arg.removesuffix("_")) in ranges else None,
        )
        for argument, default in zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True)
    ]


def _definition(module: str, name: str) -> tuple[str, ast.AST]:
    """The module that defines a name, and the class, function or value that it stands for."""
    for node in _tree(module).body:
        if isinstance(node, ast.ClassDef | ast.FunctionDef) and node.name == name:
            return module, node
        if isinstance(node, ast.Assign) and name in map(_name, node.targets):
            return module, node.value
        if isinstance(node, ast.AnnAssign) and node.value and _name(node.target) == name:
            return module, node.value
        if isinstance(node, ast.ImportFrom) and node.module and _path(node.module).exists():
            for alias in node.names:
                if (alias.asname or alias.name) == name:
                    return _definition(node.module, alias.name)
    raise NotThereError(f"{_path(module).relative_to(ROOT)} does not define {name}")


def _constructor(module: str, node: ast.ClassDef) -> tuple[str, ast.AST]:
    """A class's constructor, or the base class that it is taken from."""
    for part in node.body:
        if isinstance(part, ast.FunctionDef) and part.name == "__init__":
            return module, part
    (base,) = node.bases
    return _definition(module, _name(base))


def _name(node: ast.AST) -> str:
    return node.id if isinstance(node, ast.Name) else ""


def _literal(module: str, node: ast.AST) -> Any:
    """The value of a literal, or of the constant that a name stands for."""
    if isinstance(node, ast.Name):
        return _literal(*_definition(module, node.id))
    assert isinstance(node, ast.expr)
    return ast.literal_eval(node)


def _type(module: str, node: ast.AST | None, choices: Choices) -> Any:
    """The type that an annotation stands for; only the types that `conforms` understands."""
    if isinstance(node, ast.Name):
        name = node.id
        return TYPES[name] if name in TYPES else _type(*_definition(module, name), choices)
    if isinstance(node, ast.Constant) and node.value is None:
        return None
    if isinstance(node, ast.BinOp):
        return _type(module, node.left, choices) | _type(module, node.right, choices)
    assert isinstance(node, ast.Subscript)
    kind = _name(node.value)
    inner = node.slice.elts if isinstance(node.slice, ast.Tuple) else [node.slice]
    if kind == "Literal":
        return Literal[tuple(_literal(module, item) for item in inner)]
    if kind == "Annotated":
        call = inner[1]
        assert isinstance(call, ast.Call)
        unless = [_literal(module, keyword.value) for keyword in call.keywords]
        names = choices(_literal(module, call.args[0]), *unless)
        return Literal[tuple(names)]
    item: Any = _type(module, inner[-1], choices)
    return list[item] if kind == "list" else dict[str, item]


@cache
def _tree(module: str) -> ast.Module:
    path = _path(module)
    return ast.parse(path.read_text(encoding="utf-8"), str(path))


def _path(module: str) -> Path:
    return ROOT / f"{module.replace('.', '/')}.py"
