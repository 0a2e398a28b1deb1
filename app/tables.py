"""Tables in plain text."""

from collections.abc import Callable, Mapping, Sequence

NUM_NAMED = 5


def aligned(rows: Sequence[Sequence[str]], gap: int = 2) -> str:
    """Rows as lines, the first column aligned to the left and the others to the right.

    `gap` is how many blanks are between columns.
    """
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    lines = []
    for row in rows:
        rest = [cell.rjust(width) for cell, width in zip(row[1:], widths[1:], strict=True)]
        lines.append((" " * gap).join([row[0].ljust(widths[0]), *rest]).rstrip())
    return "\n".join(lines)


def left_aligned(rows: Sequence[Sequence[str]]) -> str:
    """Rows as lines, every column aligned to the left."""
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in rows
    )


def faceless(facts: Mapping[str, int]) -> str:
    """In how many frames no face was found, by sums over a store; empty without face detection."""
    if "num_faceless" not in facts:
        return ""
    return f"no face in {facts['num_faceless']} of {facts['num_frames']} frames"


def mostly_unknown(names: Sequence[str]) -> str:
    """A note on utterances of which more than half of the tokens are unknown."""
    return (
        f"texts that are mostly unknown tokens: {len(names)} ({_listed(names)}); check that the "
        "network supports their language and script"
    )


def without_sound(names: Sequence[str]) -> str:
    """A note on utterances in which nothing can be heard."""
    return (
        f"clips without any sound: {len(names)} ({_listed(names)}); they are silent, or their "
        "channels cancel each other: listen to them"
    )


def partly_read(names: Sequence[str]) -> str:
    """A note on texts of which only the first window was read."""
    return (
        f"texts truncated to their first window: {len(names)} ({_listed(names)}), as set by "
        "'first_window: true'"
    )


# By the fact that a store records.
DOUBTS: Mapping[str, Callable[[Sequence[str]], str]] = {
    "num_silent": without_sound,
    "num_unknown": mostly_unknown,
    "num_unread": partly_read,
}


def _listed(names: Sequence[str]) -> str:
    return ", ".join(names[:NUM_NAMED]) + (", ..." if len(names) > NUM_NAMED else "")
