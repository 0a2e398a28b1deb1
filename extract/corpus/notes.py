"""How a corpus reader says what is doubtful: one line, printed and kept in the report."""

from collections.abc import Callable

Note = Callable[[str], None]
