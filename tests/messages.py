"""Every sentence that the code can print, as it stands in the source.

``python -m tests.messages`` writes them to ``tests/messages.txt``, where they are read in one go; a
change of wording shows in that file. Values are left as in an f-string: ``{name!r}``.
"""

import ast
from collections.abc import Iterator
from pathlib import Path

from tests.conftest import ROOT

FILE = ROOT / "tests" / "messages.txt"
ROOMS = ("cli.py", "permafrost.py", "app", "extract", "features", "train")
# Shorter strings are names, keys and headings of tables.
MIN_WORDS = 3


def sources() -> list[Path]:
    """The files of the product, in order."""
    paths = [ROOT / room for room in ROOMS]
    files = (file for path in paths for file in (sorted(path.rglob("*.py")) or [path]))
    return [file for file in files if "features/cache" not in file.as_posix()]


def messages() -> str:
    """The content of the file: the name of each source file, and its messages below it."""
    blocks = []
    for source in sources():
        tree = ast.parse(source.read_text(encoding="utf-8"))
        lines = [f"  {' '.join(text.split())}" for text in _sentences(tree)]
        if lines:
            blocks.append("\n".join([source.relative_to(ROOT).as_posix(), *lines]))
    return "\n\n".join(blocks) + "\n"


def _sentences(tree: ast.AST) -> Iterator[str]:
    for node in _without_documentation(tree):
        text = _text(node)
        words = [word for word in text.split() if word.strip("{}.,:;'\"()").isalpha()]
        if len(words) >= MIN_WORDS:
            yield text


def _without_documentation(node: ast.AST) -> Iterator[ast.AST]:
    """The outermost strings below a node, docstrings left out, in the order of the source."""
    if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
        return
    if _text(node):
        yield node
        return
    for child in ast.iter_child_nodes(node):
        yield from _without_documentation(child)


def _text(node: ast.AST) -> str:
    """The text of a string, an f-string, or a sum of both; empty for anything else."""
    if isinstance(node, ast.Constant):
        return node.value if isinstance(node.value, str) else ""
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
        left, right = _text(node.left), _text(node.right)
        if not left and not right:
            return ""
        return (left or f"{{{ast.unparse(node.left)}}}") + (
            right or f"{{{ast.unparse(node.right)}}}"
        )
    if isinstance(node, ast.JoinedStr):
        return "".join(_text(part) for part in node.values)
    if isinstance(node, ast.FormattedValue):
        conversion = f"!{chr(node.conversion)}" if node.conversion > 0 else ""
        spec = f":{_text(node.format_spec)}" if node.format_spec else ""
        return f"{{{ast.unparse(node.value)}{conversion}{spec}}}"
    return ""


if __name__ == "__main__":
    FILE.write_text(messages(), encoding="utf-8")
