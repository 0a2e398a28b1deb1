"""The errors a user can mend, and how they are worded."""

from collections.abc import Iterable, Sequence
from difflib import get_close_matches


class ProjectError(Exception):
    """A fault that the user can mend: printed as it stands, exit code 2.

    The message says where and what it is, what would be right, and what to do.
    """


def quoted(names: Iterable[object]) -> str:
    """``'a', 'b'`` in sorted order, or ``none`` for an empty collection."""
    return ", ".join(repr(str(name)) for name in sorted(map(str, names))) or "none"


def counted(number: int, noun: str) -> str:
    """``1 track``, ``2 tracks``."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def and_more(items: Sequence[str], num_listed: int, separator: str = ", ") -> str:
    """The first items of a list, and how many others there are: ``a, b and 3 more``."""
    listed = separator.join(items[:num_listed])
    num_others = len(items) - num_listed
    return f"{listed} and {num_others} more" if num_others > 0 else listed


def did_you_mean(name: str, names: Iterable[object]) -> str:
    """`` Did you mean 'x'?`` with the nearest of the names, or an empty string."""
    near = get_close_matches(name, [str(item) for item in names], n=1, cutoff=0.5)
    return f" Did you mean {near[0]!r}?" if near else ""


def raise_all(problems: Sequence[str], heading: str) -> None:
    """Raise one ProjectError that lists every problem; do nothing when there is none."""
    if len(problems) == 1:
        raise ProjectError(problems[0])
    if problems:
        lines = "\n".join(f"  - {problem}" for problem in problems)
        raise ProjectError(f"{heading}: {len(problems)} problems.\n{lines}")
